// Expressions for a browser to evaluate in a page.

/** What leaves the window to the right, or does not fit into its own box. */
export const OVERFLOWING = `[...document.body.querySelectorAll('*')].filter((each) => each.getBoundingClientRect().right > innerWidth || each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0).map((each) => each.outerHTML.slice(0, 200))`

/** Text with less contrast to its ground than WCAG 2.2 AA asks of normal text, 4.5 to 1. */
export const PALE = `(() => {
  const rgb = (colour) => colour.match(/[0-9.]+/g).map(Number)
  const light = (colour) => rgb(colour).slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
  const ground = (each) => { const own = getComputedStyle(each).backgroundColor; return rgb(own)[3] === 0 && each.parentElement ? ground(each.parentElement) : own }
  return [...document.body.querySelectorAll('*')].filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')).flatMap((each) => {
    const [high, low] = [light(getComputedStyle(each).color), light(ground(each))].sort((a, b) => b - a)
    return (high + 0.05) / (low + 0.05) < 4.5 ? [each.outerHTML.slice(0, 100)] : []
  })
})()`
