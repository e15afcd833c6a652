import { readFile } from 'node:fs/promises'
import * as Schema from 'typebox/schema'

/** An OpenAPI document, as far as tests read it. */
export interface OpenApiDocument {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

export interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly schema: JsonSchema; readonly example?: unknown }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, MediaType>> }
  readonly responses: Readonly<Record<string, ResponseObject>>
}

export interface ResponseObject {
  readonly headers?: Readonly<Record<string, { readonly schema: JsonSchema }>>
  readonly content?: Readonly<Record<string, MediaType>>
}

export interface MediaType {
  readonly schema: JsonSchema
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}

export type JsonSchema = Readonly<Record<string, unknown>> & { readonly examples?: readonly unknown[] }

/** @returns the committed document; a test compares it with what the schemas say */
export const committedDocument = async (): Promise<OpenApiDocument> =>
  JSON.parse(await readFile(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')) as OpenApiDocument

/** @returns what is wrong with a value by a schema of the document; references lead into its components */
export function faultsOf({ components }: Pick<OpenApiDocument, 'components'>, schema: JsonSchema, value: unknown): string[] {
  const [, errors] = Schema.Errors({ ...schema, components }, value)
  return errors.map(({ instancePath, message }) => `${instancePath} ${message}`)
}
