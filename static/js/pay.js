/* The card field: asks our server for the payment, mounts Stripe's element, confirms. */
(function () {
  "use strict";

  var box = document.querySelector("[data-pay]");
  if (!box) { return; }
  var form = box.querySelector("[data-pay-form]");
  var button = box.querySelector("[data-pay-button]");
  var errorBox = box.querySelector("[data-pay-error]");
  var status = box.querySelector("[data-pay-status]");
  var label = button.textContent;
  var night = window.matchMedia("(prefers-color-scheme: dark)");
  var stripe = null;
  var elements = null;
  var isBusy = false;
  var isOver = false;

  function say(text) { status.textContent = text; }
  function fail(text) { errorBox.textContent = text; }
  function busy(value, text) {
    isBusy = value;
    button.setAttribute("aria-disabled", value ? "true" : "false");
    button.textContent = value && text ? text : label;
  }

  var UNLOADED = "The card field could not be loaded. Please load the page again, or call us.";

  /* This script waits for the page, and Stripe's comes after it; then all have run or failed. */
  var scriptsAreRun = new Promise(function (resolve) {
    document.addEventListener("DOMContentLoaded", resolve);
  });

  /* Our server opens the payment while Stripe's script is still on its way. */
  function begin() {
    busy(true);
    say("Loading the card field …");
    fetch(box.dataset.intentUrl, {
      method: "POST",
      credentials: "same-origin",
      headers: {
        "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value,
        "Accept": "application/json"
      }
    }).then(function (response) {
      return response.json().then(function (body) { return { ok: response.ok, body: body }; });
    }).then(function (answer) {
      if (answer.body.location) { window.location.assign(answer.body.location); return null; }
      if (!answer.ok) { throw new Error(answer.body.message); }
      return scriptsAreRun.then(function () {
        if (typeof window.Stripe !== "function") { throw new Error(UNLOADED); }
        mount(answer.body);
      });
    }).catch(function (error) {
      busy(false);
      say("");
      fail(error instanceof TypeError || error instanceof SyntaxError || !error.message
        ? UNLOADED
        : error.message);
    });
  }

  /* The page's own colours, so that the field reads like the others. */
  function appearance() {
    var dark = night.matches;
    return {
      theme: dark ? "night" : "stripe",
      variables: {
        colorPrimary: dark ? "#6FC3D0" : "#0E5563",
        colorDanger: dark ? "#F08A78" : "#A12D1F",
        colorBackground: dark ? "#18242B" : "#FFFFFF",
        colorText: dark ? "#E8EEF0" : "#16242E",
        colorTextSecondary: dark ? "#A9B8BF" : "#4B5B66",
        borderRadius: "6px",
        fontSizeBase: "16px"
      },
      /* Stripe's own border is fainter than what the page promises of its fields. */
      rules: { ".Input": { border: "1px solid " + (dark ? "#6B7C84" : "#7C8A91") } }
    };
  }

  function mount(payment) {
    stripe = window.Stripe(payment.publishableKey);
    elements = stripe.elements({ clientSecret: payment.clientSecret, appearance: appearance() });
    night.addEventListener("change", function () { elements.update({ appearance: appearance() }); });
    var element = elements.create("payment");
    element.on("ready", function () { busy(false); say(""); });
    element.on("loaderror", function () {
      busy(false);
      say("");
      fail(UNLOADED);
    });
    element.on("change", function () { fail(""); });
    element.mount(box.querySelector("[data-pay-element]"));
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (isBusy || !elements) { return; }
    if (isOver) { window.location.reload(); return; }
    fail("");
    busy(true, "Paying " + box.dataset.amount + " …");
    say("Your bank is being asked. This takes a few seconds.");
    stripe.confirmPayment({
      elements: elements,
      confirmParams: {
        return_url: box.dataset.returnUrl,
        payment_method_data: {
          billing_details: { name: box.dataset.name, email: box.dataset.email }
        }
      }
    }).then(function (result) {
      /* Only reached when it did not work: on success the browser is sent to the return address. */
      if (result && result.error) {
        busy(false);
        say("");
        fail((result.error.message || "The card was not accepted.") +
          " You can try again or use another card.");
        button.focus();
      }
    }).catch(function () {
      busy(false);
      say("");
      fail("We could not reach the bank. Your card is charged at most once; please try again.");
    });
  });

  document.addEventListener("hold-over", function () { isOver = true; });

  begin();
})();
