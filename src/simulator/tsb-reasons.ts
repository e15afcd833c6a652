/** The TSB's error codes that the simulator answers with, and their reasons (contract 3.3). */
const reasons = {
  400: 'security.not.allowed', 402: 'invalid.certificate', 406: 'missing.access.token', 411: 'invalid.certificate.request', 416: 'missing.api.key',
  451: 'client.endpoint.not.licensed', 501: 'invalid.value.for.enum', 600: 'input.validation.failed', 603: 'input.keysize',
  606: 'key.attributes.invalid', 608: 'key.already.existing', 610: 'invalid.key.name', 611: 'unsupported.operation',
  614: 'operation.forbidden.for.key', 617: 'invalid.access.token', 620: 'key.password.mismatch', 621: 'invalid.json', 631: 'invalid.api.key',
  650: 'key.not.existent', 701: 'in.hsm', 703: 'io',
} as const

export type ReasonCode = keyof typeof reasons

/** An answer of the TSB that is not a success. */
export class TsbRefusal extends Error {
  readonly status: number
  readonly body: { readonly errorCode?: number; readonly reason?: string; readonly message: string }

  constructor(status: number, body: TsbRefusal['body']) {
    super(body.message)
    this.name = 'TsbRefusal'
    this.status = status
    this.body = body
  }
}

/** 45x is 403, 65x is 404, other 4xx and 6xx are 400, the rest is 500 (contract 3.2); the security filter's codes and 501 are the exceptions. */
function statusOf(code: ReasonCode): number {
  if (code === 406 || code === 416 || code === 617 || code === 631) return 401
  if (code === 501) return 400
  if (code === 451) return 403
  if (code === 650) return 404
  return code >= 700 ? 500 : 400
}

/** The body of an error as the TSB writes it. */
export const reasonBody = (code: ReasonCode, message: string): { errorCode: number; reason: string; message: string } =>
  ({ errorCode: code, reason: `res.error.${reasons[code]}`, message })

/** Makes the refusal for a code, with the status that goes with it unless another is given. To be thrown. */
export const refusal = (code: ReasonCode, message: string, status = statusOf(code)): TsbRefusal => new TsbRefusal(status, reasonBody(code, message))
