import type { FieldError } from '../errors.ts'

/** An error of the JSON Schema validator (Ajv, `verbose`), as far as it is used. */
export interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
  readonly parentSchema?: { readonly description?: string }
}

/** More than this says nothing new, and an answer must not grow with a hostile body. */
const AT_MOST = 20

/**
 * Turns the validator's errors into pointers with a plain expectation. No text repeats the refused value.
 * @param errors every error the validator found
 * @returns one entry per pointer
 */
export function fieldErrors(errors: readonly SchemaError[]): FieldError[] {
  // Where a choice of types failed, its branches' errors only confuse.
  const choices = errors.filter((error) => error.keyword === 'anyOf').map((error) => error.instancePath)
  const told = new Map<string, string>()
  for (const error of errors) {
    const inChoice = choices.some((path) => error.instancePath === path || error.instancePath.startsWith(`${path}/`))
    if (inChoice && error.keyword !== 'anyOf') continue
    const pointer = pointerOf(error)
    if (!told.has(pointer)) told.set(pointer, expectation(error))
  }
  return [...told].slice(0, AT_MOST).map(([pointer, detail]) => ({ pointer, detail }))
}

function pointerOf({ keyword, instancePath, params }: SchemaError): string {
  const member = keyword === 'required' ? params['missingProperty'] : keyword === 'additionalProperties' ? params['additionalProperty'] : undefined
  if (typeof member !== 'string') return instancePath
  // RFC 6901, section 3; an unknown field's name is the caller's text, so it is cut.
  return `${instancePath}/${member.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function expectation({ keyword, params, message, parentSchema }: SchemaError): string {
  switch (keyword) {
    case 'required': return 'is required'
    case 'additionalProperties': return 'is not a field of this request'
    case 'enum': return `must be one of ${(params['allowedValues'] as readonly unknown[]).join(', ')}`
    case 'pattern':
    case 'anyOf': return parentSchema?.description ?? 'is not of the expected form'
    default: return message ?? 'is not valid'
  }
}
