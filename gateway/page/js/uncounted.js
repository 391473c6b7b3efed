// Dimensions that a site does not count together, though filters ask for it: which, for what, and how it
// comes to count them. A site keeps numbers and no single events, so what is filtered by several
// dimensions is there where a cube of just these is declared.
import { html, useState } from './html.js'
import { call, sitePath } from './api.js'
import { cubeOf, names } from './ask.js'
import { clock } from './format.js'
import { Copy } from './panel.js'

function inWords(cube) {
  const parts = cube.split(',')
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

const ID = 'panel-missing'

function show() {
  const head = document.getElementById(ID)
  head.tabIndex = -1
  head.focus()
}

function Button({ start, cube, onDone }) {
  const [state, setState] = useState('')
  const declare = async () => {
    setState('asking')
    try {
      await call('PATCH', sitePath(start.site, 'schema'), { cubes: [cube] })
      onDone()
    } catch (failure) {
      setState(failure.message)
    }
  }
  return html`
    <button class="button" disabled=${state === 'asking'} onClick=${declare}>Count them from now on<span class="hidden"> ${cube}</span></button>
    ${state && state !== 'asking' && html`<p class="problem" role="alert">${state}</p>`}`
}

/** In place of the rows of one panel. */
export function Uncounted({ start, cube, onDone }) {
  return html`
    <div class="fill declare" data-cube=${cube}>
      <p>The site does not count ${inWords(cube)} together yet.</p>
      ${start.operator ? html`<${Button} start=${start} cube=${cube} onDone=${onDone} />` : html`<button class="link" onClick=${show}>How to have them counted</button>`}
    </div>`
}

/** Adds `of`, what is not there for want of a cube, to a list of `{cube, of}`. */
export function note(list, cube, of) {
  if (!cube) return
  const known = list.find((row) => cubeOf({ cubes: [[row.cube]] }, cube.split(',')))
  if (known) known.of.push(of)
  else list.push({ cube, of: [of] })
}

/** As many cubes as a site has. */
const MOST = 16

/** All of them, once, with what each is for. */
export function Missing({ start, missing, onDone }) {
  if (!missing.length) return null
  const now = clock(start.info.timezone, { hour: '2-digit', minute: '2-digit' })(Date.now())
  return html`
    <section class="panel wide" aria-labelledby=${ID} data-panel="missing">
      <header><h2 id=${ID}>Not counted together yet</h2></header>
      <p class="note">The site keeps numbers, not single events. Several filters at once have numbers where the site counts just these dimensions together, which is called a cube. A cube counts from the moment it is declared, so now from ${now}: the time before stays empty. A site has up to ${MOST} cubes, this one ${names(start.info, 'cubes').length}.</p>
      <ul class="plain-list">${missing.map(({ cube, of }) => html`
        <li key=${cube} data-cube=${cube}><b>${inWords(cube)}</b> <span class="quiet">for ${of.join(', ')}</span>
          ${start.operator
            ? html`<span class="end"><${Button} start=${start} cube=${cube} onDone=${onDone} /></span>`
            : html`<span class="end"><code>${`ANALYTICS.ALTER ${start.site} CUBE ${cube}`}</code> <${Copy} text=${`ANALYTICS.ALTER ${start.site} CUBE ${cube}`} /></span>`}</li>`)}
      </ul>
      ${!start.operator && html`<p class="note">The operator of the site declares a cube: by this command, or on this page with the operator’s token.</p>`}
    </section>`
}
