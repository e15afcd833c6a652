import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { rfc2253Subject } from '../../src/auth/certificate-subject.ts'
import { nameOf, type Name } from '../../src/simulator/names.ts'
import { openssl } from '../simulator/openssl.ts'
import { certificateAuthority, clientIdentity } from './certificates.ts'

const value = (text: string): Name => nameOf(['CN', text])

const names: Readonly<Record<string, Name>> = {
  'one attribute': value('billing'),
  'several, the last one first': nameOf(['C', 'CH'], ['ST', 'Zürich'], ['L', 'Zürich'], ['O', 'Example AG'], ['CN', 'billing']),
  'two units': nameOf(['O', 'Example AG'], ['OU', 'one'], ['OU', 'two'], ['CN', 'billing']),
  'domain components and an e-mail address': nameOf(['DC', 'example'], ['DC', 'com'], ['CN', 'billing'], ['EMAILADDRESS', 'a@example.com']),
  'a serial number, a surname, a given name and an identifier': nameOf(
    ['SERIALNUMBER', '1'], ['SURNAME', 'Muster'], ['GIVENNAME', 'Max'], ['ORGANIZATIONIDENTIFIER', 'VATCH-1'], ['T', 'Dr']),
  'two attributes in one relative name': [nameOf(['CN', 'billing'], ['OU', 'IT']).flat(), ...nameOf(['O', 'Example AG'])],
  'three attributes in one relative name': [nameOf(['CN', 'a'], ['OU', 'b'], ['O', 'c']).flat(), ...nameOf(['C', 'CH'])],
  'commas and equals signs': value('Acme, O=Evil'),
  'a plus with blanks around it': value('a + b'),
  'quotes, angles, semicolons and backslashes': value('"<x>;\\y\\'),
  'a hash at the start and one inside': value('#a#b'),
  'blanks at both ends': value(' a  b '),
  'only a blank': value(' '),
  'letters beyond ASCII': value('Größe 証明 😀'),
  'the escape of a letter, as text': value('\\C3\\B6'),
  'a line feed and a tab': value('a\nO=Evil\tb'),
  'a delete character and a control character of Latin 1': value('a\x7fb\u0085c'),
  'nothing in it': value(''),
}

const ca = await certificateAuthority('Callers')
for (const [name, subject] of Object.entries(names)) {
  test(`a subject with ${name} is written as openssl writes it`, async () => {
    const { cert } = await clientIdentity(subject, ca)
    const { text } = await openssl({ 'c.pem': cert }, 'x509', '-in', 'c.pem', '-noout', '-subject', '-nameopt', 'RFC2253')
    assert.equal(`subject=${rfc2253Subject(new X509Certificate(cert))}\n`, text)
  })
}

test('an attribute that openssl has no name for, and no subject at all, give none', async () => {
  for (const subject of [[], nameOf(['1.2.3.4', 'billing']), nameOf(['CN', 'billing'], ['1.2.3.4', 'x'])]) {
    assert.equal(rfc2253Subject(new X509Certificate((await clientIdentity(subject, ca)).cert)), undefined)
  }
})
