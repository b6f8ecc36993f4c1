/* What a page adds when it can: focus on what went wrong, the minutes a time is still kept. */
(function () {
  "use strict";

  var target = document.querySelector("[data-focus]");
  if (target) { target.focus(); }

  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });

  /* A form is sent once, however often its button is pressed; the server would answer the same. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || form.hasAttribute("data-pay-form")) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  /* A page taken back from the browser's memory may be sent again. */
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) { return; }
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      delete form.dataset.sent;
    });
  });

  document.querySelectorAll("[data-hold]").forEach(function (box) {
    /* The server's clock, carried on by this machine's steady one: its wall clock may be wrong. */
    var total = Date.parse(box.dataset.until) - Date.parse(box.dataset.serverNow);
    var began = performance.now();
    var left = box.querySelector("[data-hold-left]");
    var status = box.querySelector("[data-hold-status]");
    var said = null;
    var timer = null;

    function words(minutes) {
      if (minutes < 1) { return "less than a minute left"; }
      return minutes === 1 ? "1 minute left" : minutes + " minutes left";
    }

    function tick() {
      var rest = total - (performance.now() - began);
      if (rest <= 0) {
        clearInterval(timer);
        box.classList.add("over");
        box.querySelector("[data-hold-live]").hidden = true;
        var over = box.querySelector("[data-hold-over]");
        over.hidden = false;
        status.textContent = over.textContent;
        document.dispatchEvent(new CustomEvent("hold-over"));
        return;
      }
      var minutes = Math.floor(rest / 60000);
      left.textContent = words(minutes);
      if (said !== null && said !== minutes && minutes <= 2) { status.textContent = words(minutes); }
      said = minutes;
    }

    timer = setInterval(tick, 1000);
    tick();
  });

  var again = document.querySelector("[data-check-again]");
  if (again) {
    var note = document.querySelector("[data-check-status]");
    note.textContent = "This page looks again by itself in a few seconds.";
    setTimeout(function () { window.location.assign(again.href); }, 5000);
  }
})();
