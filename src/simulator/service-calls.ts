import { jsonAnswer, type Answer, type Context } from './options.ts'

export const DEFAULT_VERSION = '2.5.1'
const DEFAULT_FLAGS = ['REST_API', 'TSB_ENGINE', 'KEY_AUTH']

/** What the licence allows. */
export const clientFlags = ({ options }: Context): readonly string[] => options.clientFlags ?? DEFAULT_FLAGS

/** `GET /v1/versionInfo`: capitalised keys, as the real one. */
export const versionInfo = ({ options }: Context): Answer => jsonAnswer(200, { Version: options.version ?? DEFAULT_VERSION, Vendor: 'TSB simulator' })

/** `GET /v1/licenseInfo`. */
export const licenseInfo = (context: Context): Answer => jsonAnswer(200, { clientFlags: clientFlags(context) })

/** `GET /v1/keystore/statistics`: one line of text inside JSON (contract 1, row 18). */
export function keystoreStatistics({ partition }: Context): Answer {
  const { keys, certificates, bin } = partition
  const usedSize = 4096 * (keys.size + bin.size) + 1024 * certificates.size
  return jsonAnswer(200, {
    keyStoreStatistics: [
      'user SIMULATOR', `private keys ${String(keys.size)}`, `public keys ${String(keys.size)}`, 'secret keys 0',
      `certificates ${String(certificates.size)}`, 'data objects 0', `invalidated keys ${String(bin.size)}`,
      `used size ${String(usedSize)} bytes`, 'max size 1048576 bytes',
    ].join(', '),
  })
}
