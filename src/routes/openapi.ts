import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import pkg from '../../package.json' with { type: 'json' }

/** OpenAPI 3.1, section 4.8.27, has this scheme; the plugin's types end at 3.0. */
const MUTUAL_TLS: object = { type: 'mutualTLS', description: 'AUTH_MODE=mtls: a client certificate whose subject the operator listed' }

/** What the OpenAPI document says beside the routes. It is the same for every AUTH_MODE: one contract, whatever one instance asks for. */
export const OPENAPI: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Attestation bundler', version: pkg.version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: 'One request makes a signing key in a Primus HSM, its CSR and its key attestation, verifies them, '
        + 'and returns one zip for the QTSP.',
    },
    servers: [{ url: '/', description: 'this instance' }],
    components: {
      securitySchemes: {
        bearer: {
          type: 'http', scheme: 'bearer',
          description: 'AUTH_MODE=api-key: the API key. AUTH_MODE=jwt: a JWT of the issuer that the operator configured',
        },
        mutualTLS: MUTUAL_TLS as { type: 'http'; scheme: string },
      },
    },
    // One of the two, as AUTH_MODE says; with AUTH_MODE=none neither.
    security: [{ bearer: [] }, { mutualTLS: [] }],
    tags: [
      { name: 'attestation bundles', description: 'The one resource that does the work' },
      { name: 'operations', description: 'For whoever runs the service' },
    ],
  },
  convertConstToEnum: false,
  refResolver: { buildLocalReference: (json, _baseUri, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `def-${i}`) },
}
