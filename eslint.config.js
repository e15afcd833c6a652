// Core ESLint rules over type-stripped sources. typescript-eslint has no release for TypeScript 7 (its compiler API is gone),
// and what needs types is tsc's job anyway (strict, noUnused*, noImplicitReturns in tsconfig.json).
import js from '@eslint/js'
import * as espree from 'espree'
import { stripTypeScriptTypes } from 'node:module'

// Node's own type stripping puts blanks in place of types, so every line and column stays where it was.
const typeStripping = {
  meta: { name: 'type-stripping', version: '1' },
  parse: (code, options) => espree.parse(stripTypeScriptTypes(code), { ...options, ecmaVersion: 'latest', sourceType: 'module' }),
}

const runtime = Object.fromEntries(
  ['process', 'Buffer', 'console', 'URL', 'URLSearchParams', 'AbortSignal', 'AbortController', 'setTimeout', 'clearTimeout', 'setInterval',
    'clearInterval', 'setImmediate', 'fetch', 'TextDecoder', 'TextEncoder', 'structuredClone', 'performance', 'queueMicrotask', 'Response', 'Request', 'crypto', 'btoa'].map((name) => [name, 'readonly']))

export default [
  { ignores: ['node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.{js,ts}'],
    languageOptions: { globals: runtime },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-throw-literal': 'error',
      'no-promise-executor-return': 'error',
      'require-atomic-updates': 'off',
      'no-unused-vars': 'off', // after stripping, a value used only as a type looks unused: tsc knows better
      'no-redeclare': 'off', // a TypeBox schema and its type share one name on purpose
      'no-control-regex': 'off', // control characters are what many of our patterns exist to refuse
    },
  },
  { files: ['**/*.ts'], languageOptions: { parser: typeStripping } },
]
