// A series over time: lines or bars, drawn by uPlot, with a table of the same numbers beside it for
// whoever does not see it.
import { html, useEffect, useMemo, useRef, useState } from './html.js'
import uPlot from 'uplot'
import { clock } from './format.js'
import { Scroll, save, table } from './panel.js'
import { dateIn } from './period.js'

const HEIGHT = 240
const DAY = 86_400
/** What lies between the ticks of a series of days: days, months and years. */
const DAYS = [1, 2, 3, 4, 7, 14, 30, 60, 90, 180, 365, 730].map((days) => days * DAY)

function colours() {
  const style = getComputedStyle(document.documentElement)
  const of = (name) => style.getPropertyValue(name).trim()
  const scheme = matchMedia('(prefers-color-scheme: dark)').matches
  const theme = document.documentElement.dataset.theme ?? (scheme ? 'dark' : 'light')
  const pick = (name) => of(`--${name}-${theme}`)
  return { accent: pick('accent'), quiet: pick('quiet'), line: pick('line'), soft: pick('soft'), warn: pick('warn'), font: of('--font') }
}

function axisTimes(zone, step) {
  const day = clock(zone, { day: 'numeric', month: 'short' })
  const hour = clock(zone, { hour: '2-digit', minute: '2-digit' })
  const month = clock(zone, { month: 'short', year: '2-digit' })
  return (_, ticks, __, ___, increment) =>
    ticks.map((tick) => {
      const ms = tick * 1000
      if (increment >= DAY * 27) return month(ms)
      return increment >= DAY || (step !== '1s' && hour(ms) === '00:00') ? day(ms) : hour(ms)
    })
}

/** What a click on a series of days does: it shows the day; a range that is drawn, its days. */
export function pickOf(step, navigate) {
  return step === '1d' ? (from, to) => navigate({ period: 'custom', from, to }) : undefined
}

/** Of the present period, what leads to the point that goes on is a line of its own. */
function drawnLines(lines, last) {
  if (last < 1) return lines
  return lines.flatMap((line) => (line.past ? [line] : [
    { ...line, points: line.points.map((point, at) => (at === last ? null : point)) },
    { ...line, dash: [5, 4], points: line.points.map((point, at) => (at === last || at === last - 1 ? point : null)) }
  ]))
}

/**
 * `lines`: `{name, points, kind}`; `kind` is `main`, `before`, `second`, `low` or `warn`; without one it is
 * not drawn, but stands in the tip and the table. `past` ones are of the period before, and `write` of a line
 * is its own. `times` are milliseconds, `write` how a number is written, `when` how a point in
 * time is. `onPick` gets the dates of the first and the last point that are picked. With `ongoing` the
 * period ends now: its last point goes on, and what leads to it is dashed.
 */
export function Chart({ times, lines, zone, step, write, when, name, bars, theme, onPick, site, ongoing }) {
  const place = useRef(null)
  const tip = useRef(null)
  const [open, setOpen] = useState(false)
  const last = ongoing ? times.findLastIndex((ms) => ms <= Date.now()) : -1
  const drawn = useMemo(() => drawnLines(lines.filter((line) => line.kind), last), [lines, last])
  const text = (line, at) => (line.write ?? write)(line.points[at])
  const shown = JSON.stringify([drawn.map((line) => [line.name, line.kind]), bars, zone, step, theme, Boolean(onPick)])
  const plot = useRef(null)
  const latest = useRef({})
  const pick = (first, last) => onPick(dateIn(zone, times[first]), dateIn(zone, times[last]))
  latest.current = { times, lines, write, text, when, pick, last }

  useEffect(() => {
    const { accent, quiet, line: grid, soft, warn, font } = colours()
    const strokes = {
      main: { stroke: accent, fill: soft, width: 2 },
      second: { stroke: quiet, width: 1.5 },
      low: { stroke: accent, width: 1 },
      warn: { stroke: warn, width: 1.5 },
      before: { stroke: quiet, width: 1.25, dash: [4, 4] }
    }
    const series = drawn.map((line) => ({
      ...strokes[line.kind], ...(line.dash && { dash: line.dash }), label: line.name, points: { show: times.length === 1 },
      paths: bars && line.kind !== 'before' ? uPlot.paths.bars({ size: [0.8, 40], gap: bars === 'thin' ? 0 : 1 }) : undefined,
      ...(bars && line.kind === 'main' ? { fill: accent, width: 0 } : {})
    }))
    const axis = { stroke: quiet, font: `12px ${font}`, grid: { stroke: grid, width: 1 }, ticks: { show: false } }
    const options = {
      width: place.current.clientWidth, height: HEIGHT, legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      padding: [12, 26, 0, 0],
      cursor: { y: false, drag: { x: Boolean(onPick), y: false, setScale: false, dist: 8 }, points: { size: 7 } },
      scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
      axes: [
        { ...axis, grid: { show: false }, values: axisTimes(zone, step), ...(step.endsWith('d') && { incrs: DAYS }), space: 64, gap: 6, size: 30 },
        { ...axis, values: (_, ticks) => ticks.map((tick) => latest.current.write(tick)), size: (_, texts) => 18 + 7.2 * Math.max(3, ...(texts ?? []).map((text) => text.length)), gap: 8, space: 44 }
      ],
      series: [{}, ...series],
      hooks: { setCursor: [moveTip], setSelect: [pickRange] }
    }
    function pickRange(u) {
      if (!onPick || u.select.width <= 0) return
      const [first, last] = [u.select.left, u.select.left + u.select.width].map((left) => u.posToIdx(left))
      u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false)
      latest.current.pick(first, last)
    }
    function moveTip(u) {
      const box = tip.current
      const { idx, left } = u.cursor
      const { times, lines, text, when } = latest.current
      if (idx === null || idx === undefined || left < 0) {
        box.hidden = true
        return
      }
      box.hidden = false
      const rows = lines.map((line) => `${line.name}  ${text(line, idx)}`)
      box.textContent = [`${when(times[idx])}${idx === latest.current.last ? ', so far' : ''}`, ...rows].join('\n')
      const width = box.offsetWidth
      const at = left + u.bbox.left / devicePixelRatio
      // Beside the point, towards the middle, so that the point itself is in sight.
      box.style.transform = `translateX(${at > place.current.clientWidth / 2 ? at - width - 14 : at + 14}px)`
    }
    plot.current = new uPlot(options, [times.map((ms) => ms / 1000), ...drawn.map((line) => line.points)], place.current)
    // The end of a range that is drawn is no click.
    let down = 0
    const over = plot.current.over
    const press = (event) => { down = event.clientX }
    const click = (event) => {
      const { idx } = plot.current.cursor
      if (Math.abs(event.clientX - down) < 8 && idx !== null && idx !== undefined) latest.current.pick(idx, idx)
    }
    if (onPick) {
      over.style.cursor = 'pointer'
      over.addEventListener('mousedown', press)
      over.addEventListener('click', click)
    }
    const watch = new ResizeObserver(() => {
      const width = place.current?.clientWidth
      if (width && plot.current) plot.current.setSize({ width, height: HEIGHT })
    })
    watch.observe(place.current)
    return () => {
      watch.disconnect()
      plot.current.destroy()
      plot.current = null
    }
  }, [shown])

  useEffect(() => {
    plot.current?.setData([times.map((ms) => ms / 1000), ...drawn.map((line) => line.points)])
  }, [times, drawn])

  const csv = () => save(`${site}-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`, table([
    ['time', ...lines.map((line) => line.name)], ...times.map((ms, at) => [new Date(ms).toISOString(), ...lines.map((line) => line.points[at])])
  ]))
  return html`
    <figure class="chart" aria-label=${name}>
      <div class="plot" ref=${place} aria-hidden="true"></div>
      <div class="tip" ref=${tip} hidden aria-hidden="true"></div>
      <figcaption class="legend">
        ${lines.map((line) => line.kind && html`<span class="key ${line.kind}"><i></i>${line.name}</span>`)}
        <span class="spring"></span>
        ${onPick && html`<span class="hint">Click a day, or draw over several, to see their hours</span>`}
        <button class="link csv" aria-label=${`${name} as CSV`} onClick=${csv}>CSV</button>
        <button class="link" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? 'Hide the table' : 'As a table'}</button>
      </figcaption>
      ${open && html`
        <${Scroll} name=${`${name} as a table`}>
          <table class="plain">
            <thead><tr><th scope="col">Time</th>${lines.map((line) => html`<th scope="col" class="number">${line.name}</th>`)}</tr></thead>
            <tbody>${times.map((ms, at) => html`
              <tr><th scope="row">${at === last && html`<span class="quiet">so far </span>`}${onPick ? html`<button class="cell" title="Show this day" onClick=${() => pick(at, at)}>${when(ms)}</button>` : when(ms)}</th>${lines.map((line) => html`<td class="number">${text(line, at)}</td>`)}</tr>`)}
            </tbody>
          </table>
        <//>`}
    </figure>`
}
