// What is shaded by its number: the countries of the world, where people click on a page, and the hours
// of the week at which they come.
import { html, useEffect, useState } from './html.js'
import { cubeOf, has } from './ask.js'
import { country, exact } from './format.js'
import { Answered, Panel, Scroll, save, table } from './panel.js'
import { Uncounted } from './uncounted.js'

/** Shades from none to most. */
const SHADES = 6

function shade(number, most) {
  return number ? 1 + Math.min(SHADES - 1, Math.floor((number / most) * SHADES)) : 0
}

/** The cells of clicks, which are counted by a cube of `x` and `y`, best with `page`. */
export function clickQuestion(info, route, window) {
  if (!has(info, 'x') || !has(info, 'y')) return null
  const cube = cubeOf(info, ['page', 'x', 'y']) ?? cubeOf(info, ['x', 'y'])
  if (!cube) return { missing: 'page,x,y' }
  return { question: { query: 'top', window, dimension: cube, by: 'events', limit: 10_000 }, byPage: cube.includes('page') }
}

export function Clicks({ clicks, answer, route, navigate, start, loading, reload }) {
  const all = (answer?.data ?? []).filter((row) => row['value:x'] !== '~other')
  const pages = new Map()
  for (const row of all) pages.set(row['value:page'] ?? '', (pages.get(row['value:page'] ?? '') ?? 0) + row.events)
  const order = [...pages].sort((a, b) => b[1] - a[1]).map(([page]) => page)
  const filtered = route.filters.find(([name]) => name === 'page')?.[1]
  const page = filtered !== undefined && clicks.byPage ? filtered : order.includes(route.tabs.clicks) ? route.tabs.clicks : order[0]
  const others = route.filters.some(([name]) => name !== 'page' || !clicks.byPage)
  const cells = all.filter((row) => (row['value:page'] ?? '') === page)
  const [width, height] = ['x', 'y'].map((axis) => 1 + Math.max(0, ...cells.map((row) => Number(row[`value:${axis}`]) || 0)))
  const counts = new Map(cells.map((row) => [`${row['value:x']},${row['value:y']}`, row.events]))
  const most = Math.max(1, ...counts.values())
  const csv = () => save(`${start.site}-clicks`, table([['page', 'x', 'y', 'clicks'], ...cells.map((row) => [page, row['value:x'], row['value:y'], row.events])]))
  const pick = (event) => navigate({ tabs: { ...route.tabs, clicks: event.target.value } })
  return html`
    <${Panel} id="clicks" title="Clicks" csv=${cells.length ? csv : null}>
      ${clicks.missing ? html`<${Uncounted} start=${start} cube=${clicks.missing} onDone=${reload} />` : html`<${Answered} answer=${answer} loading=${loading} empty="No clicks in this period." render=${() => html`
        ${clicks.byPage && filtered === undefined && html`<label class="inline">Page <select value=${page} onChange=${pick}>${order.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`}
        ${cells.length === 0 ? html`<p class="quiet fill">No clicks on ${page} in this period.</p>` : html`
        <svg class="clicks" style=${`aspect-ratio:${width}/${height}`} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${`Clicks on ${page || 'all pages'}: ${exact(cells.reduce((sum, row) => sum + row.events, 0))}, most at column ${[...counts].sort((a, b) => b[1] - a[1])[0]?.[0].replace(',', ', row ')}`}>
          <rect class="h0" width=${width} height=${height} />
          ${[...counts].map(([place, count]) => {
            const [x, y] = place.split(',')
            return html`<rect key=${place} x=${x} y=${y} width="1" height="1" class=${`h${shade(count, most)}`}><title>${`${exact(count)} clicks`}</title></rect>`
          })}
        </svg>
        <p class="note">The page from its left edge to its right, from its top to its end.</p>`}
        ${others && html`<p class="note">Clicks are those of all visitors: ${clicks.byPage ? 'only a filter by page applies' : 'the filters do not apply'}.</p>`}`} />`}
    <//>`
}

const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

export function Hours({ answer, metric, unit, zone, start, loading }) {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, weekday: 'long', hour: '2-digit', hourCycle: 'h23' })
  const sums = DAYS.map(() => new Array(24).fill(0))
  answer?.data?.time_ms.forEach((ms, at) => {
    const parts = Object.fromEntries(format.formatToParts(new Date(ms)).map((part) => [part.type, part.value]))
    sums[DAYS.indexOf(parts.weekday)][Number(parts.hour)] += answer.data.metrics[metric]?.[at] ?? 0
  })
  const most = Math.max(1, ...sums.flat())
  const csv = () => save(`${start.site}-hours`, table([['day', ...Array.from({ length: 24 }, (_, hour) => hour)], ...sums.map((row, day) => [DAYS[day], ...row])]))
  return html`
    <${Panel} id="hours" title="Hours of the week" csv=${answer?.data ? csv : null}>
      <${Answered} answer=${answer} loading=${loading} render=${() => html`
        <${Scroll} name="Hours of the week">
        <table class="heat">
          <thead><tr><td></td>${Array.from({ length: 24 }, (_, hour) => html`<th scope="col">${hour % 3 === 0 ? hour : html`<span class="hidden">${hour}</span>`}</th>`)}</tr></thead>
          <tbody>${sums.map((row, day) => html`
            <tr><th scope="row">${DAYS[day].slice(0, 3)}</th>
              ${row.map((count, hour) => html`<td class=${`h${shade(count, most)}`} title=${`${DAYS[day]} ${hour}:00: ${exact(count)} ${unit}`} data-number=${count}><span class="hidden">${exact(count)}</span></td>`)}
            </tr>`)}
          </tbody>
        </table><//>
        <p class="note">${exact(sums.flat().reduce((sum, count) => sum + count, 0))} ${unit}; the stronger the colour, the more. Times of ${zone}.</p>`} />
    <//>`
}

// The outlines are a file of their own, asked for when the first map is shown.
let outlines = null
const address = new URL('../world.json', import.meta.url)

function load() {
  outlines ??= fetch(address).then((response) => (response.ok ? response.json() : null)).catch(() => null)
  return outlines
}

export function WorldMap({ rows, onPick }) {
  const [world, setWorld] = useState(null)
  useEffect(() => {
    load().then(setWorld)
  }, [])
  if (!world) return html`<div class="world"></div>`
  const known = new Map(rows.map((row) => [row.value, row.number]))
  const most = Math.max(1, ...rows.filter((row) => world.paths[row.value]).map((row) => row.number))
  return html`
    <svg class="world" viewBox=${world.box} role="img" aria-label="Map of the countries; the list below has the numbers">
      ${Object.entries(world.paths).map(([code, path]) => {
        const number = known.get(code)
        // Few countries have most: shades by the square root tell the others apart.
        return html`<path key=${code} d=${path} data-country=${code} class=${`h${shade(Math.sqrt(number ?? 0), Math.sqrt(most))}${number ? ' pick' : ''}`} onClick=${number ? () => onPick(code) : undefined}>
          <title>${`${country(code)}: ${exact(number ?? 0)}`}</title></path>`
      })}
    </svg>`
}
