import { readFile, writeFile } from 'node:fs/promises'
import { BundleProblem, openBundleClient } from 'attestation-bundler/client'

// node issue-bundle.ts <URL of the service> <label prefix> [file with the API key or token]
const [url = 'http://127.0.0.1:3000', labelPrefix = 'acme-seal', credential] = process.argv.slice(2)

const bundles = openBundleClient({
  url,
  // Read before each try: a token may have been renewed.
  ...(credential !== undefined && { authorization: async () => `Bearer ${(await readFile(credential, 'utf8')).trim()}` }),
  retrying: ({ attempt, pauseMs, error }) => process.stderr.write(`try ${attempt} failed (${error.message}); the next in ${Math.round(pauseMs)} ms\n`),
})

try {
  const bundle = await bundles.issue(labelPrefix, {
    key: { algorithm: 'RSA', keySize: 3072 },
    csr: {
      standardCertificateAttributes: {
        commonName: 'Acme AG', country: 'CH', organizationName: 'Acme AG', organizationIdentifier: 'NTRCH-CHE-123.456.788',
      },
      keyUsage: ['CONTENT_COMMITMENT'],
    },
    profile: 'qualified-seal',
  })
  await writeFile(bundle.fileName, bundle.bytes)
  process.stdout.write(`${bundle.fileName}: ${bundle.bytes.length} bytes, SHA-256 ${bundle.sha256}\n`)
} catch (error) {
  if (!(error instanceof BundleProblem)) throw error
  process.stderr.write(`${error.code}: ${error.detail}\n`)
  for (const { pointer, detail } of error.errors) process.stderr.write(`  ${pointer}: ${detail}\n`)
  process.exitCode = 1
}
