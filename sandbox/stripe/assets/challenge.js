/* Tell the page that embeds us when the authentication is over; let Escape mean "no". */
(function () {
  'use strict';
  function tell(event, value) {
    if (window.parent !== window) { window.parent.postMessage({ event: event, value: value }, '*'); }
  }
  function refuse() {
    var button = document.querySelector('button[value="fail"]');
    if (button) { button.click(); }
  }
  tell('hello');
  if (document.body.dataset.over === 'yes') {
    tell('authenticated');
    return;
  }
  document.addEventListener('keydown', function (event) {
    if (event.key === 'Escape' && window.parent !== window) { refuse(); }
  });
  window.addEventListener('message', function (event) {
    if (event.source === window.parent && (event.data || {}).call === 'fail') { refuse(); }
  });
  new ResizeObserver(function () {
    tell('height', Math.ceil(document.getElementById('main').getBoundingClientRect().height));
  }).observe(document.getElementById('main'));
}());
