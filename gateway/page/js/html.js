// Preact with htm: templates without a build step.
import { h } from '../lib/preact.js'
import htm from '../lib/htm.js'

export { render } from '../lib/preact.js'
export { useCallback, useEffect, useMemo, useRef, useState } from '../lib/hooks.js'
export const html = htm.bind(h)
