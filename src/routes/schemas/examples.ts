import qualifiedSeal from '../../../examples/qualified-seal.json' with { type: 'json' }
import tutorial from '../../../examples/request.json' with { type: 'json' }
import smallest from '../../../examples/smallest.json' with { type: 'json' }

/** The requests of the OpenAPI document, the recommended form first. A test posts each of them; the README's curl and the demo send the tutorial. */
export const ORDER_EXAMPLES = {
  'qualified-seal': { summary: 'A key for a qualified seal, under a label that is fresh each time', value: qualifiedSeal },
  smallest: { summary: 'No more than is required: a P-256 key, and the default for everything else', value: smallest },
  tutorial: { summary: 'The two bodies of the vendor\'s tutorial as they stand, side by side', value: tutorial },
}

export const IDEMPOTENCY_KEY_EXAMPLE = 'order-4711'
export const TRACEPARENT_EXAMPLE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

export const ID_EXAMPLE = '4f1c2a90-9d0e-4c77-8a51-3c5f0b7e2d16'
export const LABEL_EXAMPLE = `acme-seal-${ID_EXAMPLE}`
export const PATH_EXAMPLE = `/v1/attestation-bundles/${ID_EXAMPLE}`
