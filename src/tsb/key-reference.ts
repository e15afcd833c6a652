/** A key by its label, with the password that every call on it needs, as the TSB's array of single characters. */
export interface KeyReference {
  readonly label: string
  readonly password?: readonly string[]
}
