// A panel: a head with tabs and CSV, and below it an answer, or a word on why there is none.
import { html, useEffect, useRef, useState } from './html.js'

/** The frame of a panel. `tabs` are `[id, name]`, `csv` gives the rows of a file. */
export function Panel({ title, tabs, tab, onTab, csv, wide, note, children, id }) {
  const heading = `panel-${id}`
  const several = tabs && tabs.length > 1
  return html`
    <section class=${`panel${wide ? ' wide' : ''}`} aria-labelledby=${heading} data-panel=${id}>
      <header>
        <h2 id=${heading}>${title}</h2>
        ${several && html`
          <div class="tabs" role="group" aria-label=${`${title}: show`}>
            ${tabs.map(([id, name]) => html`
              <button key=${id} aria-pressed=${id === tab} onClick=${() => onTab(id)}>${name}</button>`)}
          </div>`}
        ${csv && html`<button class="link csv" aria-label=${`${title} as CSV`} onClick=${csv}>CSV</button>`}
      </header>
      ${note && html`<p class="note">${note}</p>`}
      ${children}
    </section>`
}

/** One answer of a panel: its rows, or its state. `render` gets the data. */
export function Answered({ answer, loading, empty, render }) {
  if (!answer) return html`<p class="quiet fill" aria-busy=${loading}>${loading ? 'Loading…' : 'No answer yet.'}</p>`
  if (answer.error) return html`<p class="problem fill" role="alert">${answer.error.message}</p>`
  const isEmpty = Array.isArray(answer.data) && answer.data.length === 0
  if (isEmpty) return html`<p class="quiet fill">${empty ?? 'Nothing in this period.'}</p>`
  return render(answer.data)
}

/** What is wider than its place scrolls, and says at its edge that there is more. */
export function Scroll({ name, children }) {
  const place = useRef(null)
  const [more, setMore] = useState(false)
  const look = () => {
    const it = place.current
    if (it) setMore(it.scrollWidth - it.clientWidth - it.scrollLeft > 4)
  }
  useEffect(() => {
    const watch = new ResizeObserver(look)
    watch.observe(place.current)
    watch.observe(place.current.firstElementChild)
    return () => watch.disconnect()
  }, [])
  return html`
    <div class=${`scroll${more ? ' cut' : ''}`} tabindex="0" role="region" aria-label=${`Table: ${name}`} ref=${place} onScroll=${look}>${children}</div>
    ${more && html`<p class="note cut-note" aria-hidden="true">More columns to the right →</p>`}`
}

/** Copies a text. */
export function Copy({ text }) {
  const [copied, setCopied] = useState(false)
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false))
  return html`<button type="button" class="link" onClick=${copy} aria-live="polite">${copied ? 'Copied' : 'Copy'}</button>`
}

// Tables as files of CSV, by RFC 4180.
function cell(value) {
  if (value === null || value === undefined) return ''
  const text = String(value)
  // A spreadsheet takes a text that begins with one of these as a formula.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function table(rows) {
  return rows.map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n'
}

export function save(name, text) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
  link.download = `${name}.csv`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
