import { SaxesParser } from 'saxes'
import type { SignedXml } from './attestation-signature.ts'
import { utf8 } from './text.ts'

/** A genuine attestation has 1.5 kB; one with a large policy perhaps 30. */
const LONGEST = 256 * 1024
/** private_key, policy, rule, token, group, approval: six. */
const DEEPEST = 8
const MOST_ELEMENTS = 5000

/** One element, by its absolute path. */
export interface XmlElement {
  /** E.g. `private_key/attributes/sign`. */
  readonly path: string
  readonly attributes: Readonly<Record<string, string>>
  /** The text directly inside, as it stands. */
  readonly text: string
  readonly hasChildren: boolean
}

/**
 * Reads the elements of a signed XML, in document order, out of the small part of XML that the HSM writes: no document type, comment, CDATA,
 * processing instruction, namespace, and of references the predefined five alone. Everything else is what XML parsers disagree on.
 * @returns the elements, or the reason for refusing, as a sentence
 */
export function readXmlElements(xml: SignedXml): readonly XmlElement[] | string {
  if (xml.length > LONGEST) return `Expected at most ${LONGEST} bytes of XML.`
  const text = utf8(xml)
  if (text === undefined) return 'Expected XML in UTF-8; a byte is not.'
  const forbidden = forbiddenIn(text)
  if (forbidden) return `Expected plain XML; it has ${forbidden}.`
  return parse(text)
}

/** Before any parser sees it: each of these is found by its first characters, which can't stand elsewhere in well-formed XML of this kind. */
function forbiddenIn(text: string): string | undefined {
  if (text.startsWith('\ufeff')) return 'a byte order mark'
  const declaration = /^<\?xml version=(["'])1\.0\1(?: encoding=(["'])UTF-8\2)?\s*\?>/i.exec(text)?.[0] ?? ''
  const body = text.slice(declaration.length)
  if (body.includes('<?')) return 'a processing instruction, or another declaration than XML 1.0 in UTF-8'
  if (/<!doctype/i.test(body)) return 'a document type'
  if (body.includes('<![')) return 'a CDATA section'
  if (body.includes('<!')) return 'a comment'
  if (/&(?!(?:lt|gt|amp|apos|quot);)/.test(body)) return 'a reference other than the five of XML'
  return undefined
}

function parse(text: string): readonly XmlElement[] | string {
  const elements: { path: string; attributes: Record<string, string>; text: string; hasChildren: boolean }[] = []
  const open: (typeof elements)[number][] = []
  const problem: { found?: string } = {}
  const note = (found: string): void => {
    problem.found ??= found
  }
  const parser = new SaxesParser({ xmlns: false, fragment: false, position: false })
  parser.on('error', () => note('it is not well-formed'))
  for (const event of ['doctype', 'cdata', 'comment', 'processinginstruction'] as const) parser.on(event, () => note(`it has a ${event}`))
  parser.on('opentag', ({ name, attributes }) => {
    if (elements.length >= MOST_ELEMENTS || open.length >= DEEPEST) note('it is too large or too deep')
    if (problem.found !== undefined) return
    if ([name, ...Object.keys(attributes)].some((each) => each.includes(':') || each === 'xmlns')) note('it has a namespace')
    const parent = open.at(-1)
    if (parent) parent.hasChildren = true
    const element = { path: parent ? `${parent.path}/${name}` : name, attributes: { ...attributes }, text: '', hasChildren: false }
    elements.push(element)
    open.push(element)
  })
  parser.on('text', (part) => {
    const parent = open.at(-1)
    if (parent) parent.text += part
    else if (part.trim() !== '') note('it has text outside its root')
  })
  parser.on('closetag', () => open.pop())
  try {
    parser.write(text).close()
  } catch {
    note('it is not well-formed')
  }
  return problem.found === undefined ? elements : `Expected plain XML; ${problem.found}.`
}
