/* Page views (single-page apps, too), engagement, outbound links, files, custom events, revenue:
   <script defer data-domain="example.com" src="https://gateway/js/script.js"></script>
   analytics('signup', {props: {plan: 'pro'}, revenue: {amount: 9.9, currency: 'EUR'}}) */
(function () {
  'use strict';
  var doc = document, loc = location, nav = navigator;
  var tag = doc.currentScript, set = tag.dataset;
  var domain = set.domain || loc.hostname;
  var api = set.api || new URL(tag.src).origin + '/api/event';
  var hash = 'hash' in set;
  var page, seen, since, active = 0, depth = 0;

  function post(event) {
    event.d = domain;
    if (hash) event.h = 1;
    fetch(api, {
      method: 'POST', keepalive: true, headers: { 'Content-Type': 'text/plain' },
      body: JSON.stringify(event)
    }).catch(function () {});
  }

  function ignored() {
    try { if (localStorage.analytics_ignore === 'true') return true; } catch (e) { /* no storage */ }
    return nav.doNotTrack === '1' || nav.globalPrivacyControl ||
      (nav.webdriver && !('automated' in set)) || loc.protocol === 'file:';
  }

  function track(name, options) {
    if (ignored()) return;
    options = options || {};
    var event = { n: name, u: options.url || loc.href, r: doc.referrer || null };
    if (options.props) event.p = options.props;
    if (options.revenue) event.$ = options.revenue;
    if (options.interactive === false) event.i = false;
    post(event);
  }

  function scrolled() {
    var all = Math.max(doc.documentElement.scrollHeight, 1);
    depth = Math.max(depth, Math.min(100, Math.round((scrollY + innerHeight) / all * 100)));
  }

  function pause() {
    if (since) active += Date.now() - since;
    since = 0;
  }

  function resume() {
    if (!since && doc.visibilityState === 'visible') since = Date.now();
  }

  function engaged() {
    pause();
    if (page && active > 500 && !ignored()) {
      post({ n: 'engagement', u: page, e: active, sd: depth });
      active = 0;
    }
  }

  function view() {
    var at = hash ? loc.pathname + loc.hash : loc.pathname;
    if (at === seen) return;
    engaged();
    seen = at;
    page = loc.href;
    active = depth = 0;
    scrolled();
    resume();
    track('pageview');
  }

  function clicked(click) {
    var link = click.target.closest && click.target.closest('a[href]');
    if (!link || click.type === 'auxclick' && click.button !== 1) return;
    if (link.host && link.host !== loc.host) {
      track('Outbound Link: Click', { props: { url: link.href } });
    } else if (/\.(pdf|zip|gz|dmg|exe|csv|xlsx|docx|pptx|mp[34])$/i.test(link.pathname)) {
      track('File Download', { props: { url: link.href } });
    }
  }

  var queue = window.analytics && window.analytics.q || [];
  window.analytics = track;
  queue.forEach(function (call) { track.apply(null, call); });

  ['pushState', 'replaceState'].forEach(function (name) {
    var own = history[name];
    history[name] = function () { own.apply(this, arguments); view(); };
  });
  addEventListener('popstate', view);
  if (hash) addEventListener('hashchange', view);
  addEventListener('pageshow', function (e) { if (e.persisted) { seen = 0; view(); } });
  addEventListener('scroll', scrolled, { passive: true });
  addEventListener('focus', resume);
  addEventListener('blur', engaged);
  addEventListener('pagehide', engaged);
  doc.addEventListener('visibilitychange', function () {
    if (doc.visibilityState === 'hidden') return engaged();
    if (seen) resume(); else view();
  });
  doc.addEventListener('click', clicked);
  doc.addEventListener('auxclick', clicked);
  if (doc.visibilityState === 'visible') view();
})();
