import type { ApiDocument, JsonSchema } from '../api-page/api-document.ts'

/**
 * The client's types, from the OpenAPI document: plain TypeScript, so that a caller's compiler needs neither the service's sources nor its packages.
 * @returns the text of `src/client/contract.ts`
 */
export function contractTypes({ paths, components }: ApiDocument): string {
  const order = paths['/v1/attestation-bundles']?.['post']?.requestBody?.content['application/json']?.schema
  if (order === undefined) throw new Error('the document has no request body for the order')
  const types = { OrderBody: order, TransactionView: components.schemas['Transaction'], Problem: components.schemas['Problem'] }
  const declarations = Object.entries(types).map(([name, schema]) => `export interface ${name} ${typeText(schema!, '')}\n`)
  return `// Written by npm run openapi from the schemas of the service; a test compares the two, and the compiler holds these types against theirs.\n\n${declarations.join('\n')}`
}

function typeText(schema: JsonSchema, indent: string): string {
  if (schema.enum) return schema.enum.map((value) => literal(value)).join(' | ')
  if (schema.anyOf) return schema.anyOf.map((choice) => typeText(choice, indent)).join(' | ')
  switch (schema.type) {
    case 'object': return objectText(schema, indent)
    case 'array': return arrayText(typeText(schema.items ?? {}, indent))
    case 'integer': case 'number': return 'number'
    case 'string': case 'boolean': case 'null': return schema.type
    default: throw new Error(`no type for ${JSON.stringify(schema)}`)
  }
}

function objectText({ properties = {}, required = [] }: JsonSchema, indent: string): string {
  const inner = `${indent}  `
  const members = Object.entries(properties).map(([name, schema]) => {
    const comment = schema.description === undefined ? '' : `${inner}/** ${schema.description.replaceAll('*/', '* /')} */\n`
    return `${comment}${inner}${name}${required.includes(name) ? '' : '?'}: ${typeText(schema, inner)}\n`
  })
  return `{\n${members.join('')}${indent}}`
}

const arrayText = (items: string): string => (items.includes(' | ') && !items.startsWith('{') ? `(${items})[]` : `${items}[]`)

const literal = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value))
