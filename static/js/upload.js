/* Shows how far the files are while they are sent. Without it the form is sent as any other. */
(function () {
  "use strict";

  document.querySelectorAll("[data-upload]").forEach(function (form) {
    var box = form.querySelector("[data-upload-progress]");
    var bar = box.querySelector("progress");
    var said = box.querySelector("[data-upload-said]");
    var tenth = -1;

    function plainly() { HTMLFormElement.prototype.submit.call(form); }

    form.addEventListener("submit", function (event) {
      if (event.defaultPrevented || !window.FormData) { return; }
      event.preventDefault();
      var sending = new XMLHttpRequest();
      sending.open("POST", form.action);
      sending.responseType = "document";
      sending.upload.addEventListener("progress", function (step) {
        if (!step.lengthComputable) { return; }
        var percent = Math.floor(step.loaded / step.total * 100);
        bar.value = percent;
        if (Math.floor(percent / 10) !== tenth) {
          tenth = Math.floor(percent / 10);
          said.textContent = percent < 100 ? percent + " percent sent" : "Sent; being looked at";
        }
      });
      sending.addEventListener("load", function () {
        if (sending.status === 200 && sending.responseURL) {
          window.location.assign(sending.responseURL);
          return;
        }
        if (!sending.response) { plainly(); return; }
        /* A refusal comes as a page: what it says takes the place of this one. */
        document.title = sending.response.title;
        document.querySelector("main").replaceWith(sending.response.querySelector("main"));
        var target = document.querySelector("[data-focus]");
        if (target) { target.focus(); }
      });
      sending.addEventListener("error", plainly);
      box.hidden = false;
      form.querySelector("button").setAttribute("aria-disabled", "true");
      sending.send(new FormData(form));
    });
  });
})();
