import type { TLocalizedValidationError } from 'typebox/error'

/**
 * The faults of the environment that one validation error stands for, each as a line that names its variable.
 * @param error a validation error of the environment's schema
 * @returns e.g. `PORT: must be <= 65535`; never the value itself, which may be a secret in the wrong place
 */
export function faultLines(error: TLocalizedValidationError): string[] {
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map((name) => `${name}: must be set${hint(name)}`)
  }
  const variable = error.instancePath.split('/')[1] ?? 'environment'
  if (error.keyword === 'enum') return [`${variable}: must be one of ${error.params.allowedValues.join(', ')}`]
  return [`${variable}: ${error.message}`]
}

function hint(name: string): string {
  if (name === 'AUTH_MODE') return ' (api-key, jwt, mtls, or none, said aloud)'
  return name === 'TSB_URL' ? ' (https://…)' : ''
}
