import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'

type Factory = ReturnType<typeof SerializerSelector>
type Compiler = ReturnType<Factory>

/**
 * Fastify's own compiler of answers, but each schema is compiled once, and at the first answer that has it: every route names the same
 * problems, and compiling them for each, and those that no caller ever sees, took a tenth of the start and 20 MB.
 * @param shared the schemas that all routes share, and how to compile
 * @returns a compiler, as Fastify asks for one
 */
export function buildSerializers(...shared: Parameters<Factory>): Compiler {
  const compile = SerializerSelector()(...shared)
  const compiled = new Map<string, ReturnType<Compiler>>()
  return (route) => {
    const key = JSON.stringify(route.schema)
    return (answer) => {
      const serialize = compiled.get(key) ?? compile(route)
      compiled.set(key, serialize)
      return serialize(answer)
    }
  }
}
