/** A line of a chart, or its bars. */
export interface Series {
  readonly name: string
  /** Which of the colours; the same thing has the same one in every chart. By default its place in the list. */
  readonly colour?: number
  /** One value for each place on the x axis of bars, or points of a line; undefined where nothing was measured. */
  readonly points: readonly { readonly x: number; readonly y: number | undefined }[]
}

export interface Chart {
  readonly title: string
  readonly kind: 'bars' | 'lines'
  readonly xLabel: string
  /** With its unit. */
  readonly yLabel: string
  readonly yScale?: 'linear' | 'log'
  /** A line across, where an aim is. */
  readonly aim?: { readonly y: number; readonly text: string }
  readonly series: readonly Series[]
}

const WIDTH = 720
const HEIGHT = 340
const PLOT = { left: 70, right: 20, top: 74, bottom: 52 } as const
/** Read on white and on GitHub's dark grey; told apart by people who do not see red and green as others do (Okabe and Ito's palette). */
const COLOURS = ['#999999', '#0072b2', '#e69f00', '#cc79a7', '#009e73', '#56b4e9'] as const
const STYLE = `text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:15px;font-weight:600}.axis{stroke:#57606a}.grid{stroke:#d0d7de}.aim{stroke:#cf222e;stroke-dasharray:5 4}
.aimtext{fill:#cf222e}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{stroke:#8b949e}.grid{stroke:#30363d}.aim{stroke:#ff7b72}.aimtext{fill:#ff7b72}}`

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => escapes[character] ?? character)
const fixed = (value: number): string => String(Math.round(value * 10) / 10)
const element = (name: string, attributes: Readonly<Record<string, string | number>>, content = ''): string =>
  `<${name}${Object.entries(attributes).map(([key, value]) => ` ${key}="${typeof value === 'number' ? fixed(value) : escape(value)}"`).join('')}>${content}</${name}>`
const text = (x: number, y: number, words: string, attributes: Readonly<Record<string, string>> = {}): string => element('text', { x, y, ...attributes }, escape(words))
const line = (x1: number, y1: number, x2: number, y2: number, className: string): string => element('line', { x1, y1, x2, y2, class: className })

interface Axis {
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

/** Draws charts below one another. @returns an SVG without scripts, legible in light and in dark */
export function drawCharts(charts: readonly Chart[], what: string): string {
  const height = HEIGHT * charts.length
  const groups = charts.map((chart, index) => element('g', { transform: `translate(0 ${index * HEIGHT})` }, drawChart(chart)))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(what)}">
<style>${STYLE}</style>
${groups.join('\n')}
</svg>
`
}

function drawChart(chart: Chart): string {
  const values = chart.series.flatMap(({ points }) => points.map(({ y }) => y)).filter((value) => value !== undefined)
  const bottom = HEIGHT - PLOT.bottom
  const y = chart.yScale === 'log' ? logAxis(values, bottom, PLOT.top) : linearAxis([...values, chart.aim?.y ?? 0], bottom, PLOT.top)
  const right = WIDTH - PLOT.right
  return [
    text(PLOT.left, 24, chart.title, { class: 'title' }),
    legend(chart.series),
    ...y.ticks.flatMap((tick) => [line(PLOT.left, y.at(tick), right, y.at(tick), 'grid'), text(PLOT.left - 8, y.at(tick) + 4, shortNumber(tick), { 'text-anchor': 'end' })]),
    text(16, (bottom + PLOT.top) / 2, chart.yLabel, { 'text-anchor': 'middle', transform: `rotate(-90 16 ${(bottom + PLOT.top) / 2})` }),
    text((PLOT.left + right) / 2, HEIGHT - 12, chart.xLabel, { 'text-anchor': 'middle' }),
    ...(chart.kind === 'bars' ? bars(chart.series, y, bottom) : lines(chart.series, y, bottom)),
    line(PLOT.left, bottom, right, bottom, 'axis'),
    ...(chart.aim === undefined ? [] : [line(PLOT.left, y.at(chart.aim.y), right, y.at(chart.aim.y), 'aim'), text(right, 49, `- - ${chart.aim.text}`, { class: 'aimtext', 'text-anchor': 'end' })]),
  ].join('\n')
}

function legend(series: readonly Series[]): string {
  let x = PLOT.left
  return series.map((each, index) => {
    const entry = element('rect', { x, y: 39, width: 11, height: 11, fill: colourOf(each, index) }) + text(x + 16, 49, each.name)
    x += 32 + each.name.length * 6.4
    return entry
  }).join('')
}

const colourOf = ({ colour }: Series, index: number): string => COLOURS[(colour ?? index) % COLOURS.length]!

/** Groups of bars, one for each place on the x axis, with their values on top. */
function bars(series: readonly Series[], y: Axis, bottom: number): string[] {
  const places = placesOf(series)
  const slot = (WIDTH - PLOT.left - PLOT.right) / places.length
  const width = Math.min(44, slot * 0.8 / series.length)
  return places.flatMap((place, index) => {
    const middle = PLOT.left + slot * (index + 0.5)
    const drawn = series.flatMap((each, which) => {
      const value = each.points.find(({ x }) => x === place)?.y
      if (value === undefined) return []
      const x = middle + width * (which - series.length / 2)
      const top = Math.min(y.at(value), bottom)
      return [element('rect', { x: x + 1, y: top, width: width - 2, height: bottom - top, fill: colourOf(each, which) }),
        text(x + width / 2, top - 4, shortNumber(value), { 'text-anchor': 'middle', style: 'font-size:10px' })]
    })
    return [...drawn, text(middle, bottom + 18, shortNumber(place), { 'text-anchor': 'middle' })]
  })
}

function lines(series: readonly Series[], y: Axis, bottom: number): string[] {
  const places = placesOf(series)
  const even = places.length <= 6
  const span = WIDTH - PLOT.left - PLOT.right
  const last = places.at(-1) ?? 1
  // A few settings stand side by side; a time runs.
  const xOf = (x: number): number => PLOT.left + span * (even ? (places.indexOf(x) + 0.5) / places.length : x / last)
  const ticks = even ? places : niceTicks(0, last)
  return [
    ...ticks.map((tick) => text(xOf(tick), bottom + 18, shortNumber(tick), { 'text-anchor': 'middle' })),
    ...series.flatMap((each, which) => {
      const stroke = colourOf(each, which)
      const known = each.points.flatMap(({ x, y: value }) => (value === undefined ? [] : [{ x: xOf(x), y: Math.min(y.at(value), bottom) }]))
      const path = element('polyline', { points: known.map((point) => `${fixed(point.x)},${fixed(point.y)}`).join(' '), fill: 'none', stroke, 'stroke-width': 2 })
      return [path, ...(even ? known.map((point) => element('circle', { cx: point.x, cy: point.y, r: 3.5, fill: stroke })) : [])]
    }),
  ]
}

const placesOf = (series: readonly Series[]): number[] => [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((one, other) => one - other)

function linearAxis(values: readonly number[], bottom: number, top: number): Axis {
  const ticks = niceTicks(Math.min(0, ...values), Math.max(...values, Number.MIN_VALUE) * 1.08)
  const [low, high] = [ticks[0] ?? 0, Math.max(ticks.at(-1) ?? 1, ...values)]
  return { ticks, at: (value) => bottom - (value - low) / (high - low) * (bottom - top) }
}

function logAxis(values: readonly number[], bottom: number, top: number): Axis {
  const positive = values.filter((value) => value > 0)
  const low = Math.floor(Math.log10(Math.min(...positive, 1)))
  const high = Math.ceil(Math.log10(Math.max(...positive, 10)))
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index))
  return { ticks, at: (value) => bottom - (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low) * (bottom - top) }
}

/** Five or so round numbers from at most `low` to at least `high`. */
function niceTicks(low: number, high: number): number[] {
  const rough = (high - low) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough
  const first = Math.floor(low / step)
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, index) => (first + index) * step)
}

/** At most three digits that matter, thousands with k and M. */
export function shortNumber(value: number): string {
  if (Math.abs(value) >= 1_000_000) return `${Number((value / 1_000_000).toPrecision(3))}M`
  if (Math.abs(value) >= 10_000) return `${Number((value / 1_000).toPrecision(3))}k`
  return String(Number(value.toPrecision(3)))
}
