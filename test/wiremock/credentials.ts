import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { problemIn } from '../support/problem.ts'
import { HAPPY, html, hsmError, invalidApiKey, LOOK, recordedTsb, tsbError, UNDO, type CallName, type StubResponse } from './recorded-tsb.ts'

const tsb = recordedTsb()
const TWO_KEYS = { TSB_KEY_MANAGEMENT_API_KEYS: 'old,new' }

/** What a call is told whose X-API-KEY is `apiKey`. */
const refuse = (call: CallName, method: string, path: string, apiKey: string, response: StubResponse): Promise<void> =>
  tsb.answer(call, response, { request: { method, urlPath: path, headers: { 'x-api-key': { equalTo: apiKey } } } })
const sentKeys = async (call: CallName): Promise<(string | undefined)[]> => (await tsb.sent(call)).map(({ headers }) => headers['x-api-key'])

describe('an API key that the TSB no longer accepts (401 with 631)', () => {
  test('gives way to the next one of its role, which all later calls use', async (t) => {
    await refuse('key-attributes', 'POST', '/v1/key/attributes', 'old', invalidApiKey)
    assert.equal((await (await tsb.service(t, TWO_KEYS)).post()).status, 201)
    assert.deepEqual(await sentKeys('key-attributes'), ['old', 'new'])
    for (const call of ['create-key', 'certificate-request', 'key-attestation'] as const) assert.deepEqual(await sentKeys(call), ['new'], call)
  })

  test('gives way at create-key too: the refused one did nothing, so the same body goes out again', async (t) => {
    await refuse('create-key', 'POST', '/v1/key', 'old', invalidApiKey)
    assert.equal((await (await tsb.service(t, TWO_KEYS)).post()).status, 201)
    assert.deepEqual(await sentKeys('create-key'), ['old', 'new'])
    const [first, second] = await tsb.sent('create-key')
    assert.deepEqual(first?.body, second?.body)
  })

  test('is the end where all are refused: nothing is created', async (t) => {
    await tsb.answer('key-attributes', invalidApiKey)
    const problem = await problemIn(await (await tsb.service(t, TWO_KEYS)).post(), 'tsb-unauthorized')
    assert.deepEqual([problem.transaction?.rollback, problem.upstream?.errorCode], ['not-needed', 631])
    assert.deepEqual(await sentKeys('key-attributes'), ['old', 'new'])
    assert.deepEqual(await tsb.asked(), [...LOOK, 'key-attributes'])
  })

  test('is the end at create-key as well: nothing has to be taken back', async (t) => {
    await tsb.answer('create-key', invalidApiKey)
    const problem = await problemIn(await (await tsb.service(t, TWO_KEYS)).post(), 'tsb-unauthorized')
    assert.equal(problem.transaction?.rollback, 'not-needed')
    assert.deepEqual(await tsb.asked(), [...LOOK, 'create-key', 'create-key'])
  })

  test('is replaced while a key is taken back', async (t) => {
    await tsb.answer('certificate-request', hsmError('Could not create certificate request: bad DN'))
    await refuse('delete-key', 'POST', '/v1/key/deleteKey', 'old', invalidApiKey)
    const problem = await problemIn(await (await tsb.service(t, TWO_KEYS)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'done')
    assert.deepEqual(await sentKeys('delete-key'), ['old', 'new'])
  })

  for (const [name, response] of [['without a code', { status: 401 }], ['as an HTML page', html(401)], ['with 617', tsbError(401, 617, 'invalid.access.token', 'Invalid access token.')]] as const) {
    test(`is not what another 401 says: no other key is tried (${name})`, async (t) => {
      await tsb.answer('key-attributes', response)
      await problemIn(await (await tsb.service(t, TWO_KEYS)).post(), 'tsb-unauthorized')
      assert.deepEqual(await sentKeys('key-attributes'), ['old'])
    })
  }
})

describe('certificate calls, whose role moved between TSB versions', () => {
  const path = '/v1/certificate/synchronous/request'
  const wrongRole: [string, StubResponse][] = [
    ['401 with 631', invalidApiKey],
    ['403 with 400', tsbError(403, 400, 'security.not.allowed', 'Access is denied.')],
    ['403 without a body', { status: 403 }],
  ]
  for (const [name, response] of wrongRole) {
    test(`go out with the other role's key after ${name}, and the service remembers`, async (t) => {
      await refuse('certificate-request', 'POST', path, 'management-1', response)
      const service = await tsb.service(t)
      assert.equal((await service.post()).status, 201)
      assert.deepEqual(await sentKeys('certificate-request'), ['management-1', 'operation-1'])
      await tsb.removeKey()
      assert.equal((await service.post()).status, 201)
      assert.deepEqual((await sentKeys('certificate-request')).slice(2), ['operation-1'])
      assert.deepEqual(await sentKeys('create-key'), ['management-1', 'management-1'])
    })
  }

  test('use the role that worked when a certificate is deleted', async (t) => {
    await refuse('certificate-request', 'POST', path, 'management-1', invalidApiKey)
    await tsb.answer('key-attestation', hsmError('HSM error'))
    const problem = await problemIn(await (await tsb.service(t)).post(), 'tsb-error')
    assert.equal(problem.transaction?.rollback, 'done')
    assert.deepEqual(await sentKeys('delete-certificate'), ['operation-1'])
  })

  test('try no other role where the operator named one', async (t) => {
    await refuse('certificate-request', 'POST', path, 'management-1', invalidApiKey)
    const problem = await problemIn(await (await tsb.service(t, { TSB_CERTIFICATE_ROLE: 'management' })).post(), 'tsb-unauthorized')
    assert.equal(problem.transaction?.rollback, 'done')
    assert.deepEqual(await tsb.asked(), [...HAPPY.slice(0, 4), ...UNDO])
    assert.deepEqual(await sentKeys('certificate-request'), ['management-1'])
  })
})

test('no credential is sent where none is set', async (t) => {
  const none = { TSB_BEARER_TOKEN: '', TSB_KEY_MANAGEMENT_API_KEYS: '', TSB_KEY_OPERATION_API_KEYS: '', TSB_SERVICE_API_KEYS: '' }
  assert.equal((await (await tsb.service(t, none)).post()).status, 201)
  for (const { headers, path } of await tsb.requests()) assert.deepEqual([headers['x-api-key'], headers['authorization']], [undefined, undefined], path)
})
