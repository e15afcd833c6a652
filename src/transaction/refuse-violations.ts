import { ProblemError } from '../errors.ts'
import { refusalsOf } from '../profiles/profiles.ts'
import { orderedFacts, type Order } from './order.ts'

/**
 * Holds an order against its profile before it costs the HSM anything. What comes back is held against the same rules again.
 * @throws ProblemError `profile-violated` with a JSON pointer to every place that breaks a rule of severity `error`
 */
export function refuseViolations(order: Order): void {
  const errors = refusalsOf(order.profile, orderedFacts(order))
  const [first] = errors
  if (first === undefined) return
  const detail = errors.length === 1
    ? `profile ${order.profile}: ${first.pointer} ${first.detail}`
    : `${errors.length} places of the request break rules of the profile ${order.profile}`
  throw new ProblemError('profile-violated', detail, { errors })
}
