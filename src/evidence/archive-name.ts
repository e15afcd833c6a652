/** Names that Windows gives to devices, with any extension: unpacking there would not make a file. */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i
/** Longer than any label of the HSM with an extension. */
const LONGEST_NAME = 200

/**
 * What is wrong with the name of a zip entry. The zips of this field are flat, so any path is refused; a recipient unpacks on Windows, too.
 * @returns the flaw as the end of a sentence ("the zip …"), without repeating the name; undefined for a plain file name
 */
export function nameFlaw(name: string): string | undefined {
  if (name === '' || name.length > LONGEST_NAME) return 'has a file name that is empty or too long'
  if (name.endsWith('/')) return 'has a directory'
  if (/[/\\:]/.test(name) || /^\.+$/.test(name)) return 'has a file name that is a path'
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(name)) return 'has a file name with control characters'
  if (WINDOWS_DEVICE.test(name) || /[. ]$/.test(name)) return 'has a file name that Windows takes for something else'
  return undefined
}
