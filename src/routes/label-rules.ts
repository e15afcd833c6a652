import type { FieldError } from '../errors.ts'

const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i

/**
 * What the pattern of a label does not say. A label becomes a file name on whatever system the QTSP unpacks the bundle.
 * @param label the whole label, a prefix already with its id
 * @param pointer where it stands in the request
 */
export function faultsOfLabel(label: string, pointer: string): FieldError[] {
  const faults: FieldError[] = []
  if (label.includes('..')) faults.push({ pointer, detail: 'must not contain two dots in a row' })
  if (DEVICE.test(label)) faults.push({ pointer, detail: 'must not be the name of a Windows device' })
  // The vendor's procedure finds the key in the XML with `grep public_key`: a label with that text would add a line.
  if (/public_key/i.test(label)) faults.push({ pointer, detail: 'must not contain public_key' })
  return faults
}
