/** The two bodies of the vendor's tutorial, side by side: what the README's curl and the demo send. */
import example from '../../../examples/request.json' with { type: 'json' }

export const ORDER_EXAMPLE = example
