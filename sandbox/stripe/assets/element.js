/* The card fields inside the sandbox's frame: what is typed here never reaches the page. */
(function () {
  'use strict';

  var TEXTS = {
    en: {
      number: 'Card number', expiry: 'Expiration', zip: 'ZIP',
      note: 'Sandbox: no real card is charged. Try 4242 4242 4242 4242.',
      incomplete_number: 'Your card number is incomplete.',
      invalid_number: 'Your card number is invalid.',
      incomplete_expiry: "Your card's expiration date is incomplete.",
      invalid_expiry: "Your card's expiration date is invalid.",
      invalid_expiry_year_past: "Your card's expiration date is in the past.",
      incomplete_cvc: "Your card's security code is incomplete.",
      incomplete_zip: 'Your ZIP is incomplete.'
    },
    es: {
      number: 'Número de tarjeta', expiry: 'Fecha de caducidad', zip: 'Código postal',
      note: 'Entorno de pruebas: no se cobra ninguna tarjeta. Pruebe 4242 4242 4242 4242.',
      incomplete_number: 'El número de tarjeta está incompleto.',
      invalid_number: 'El número de tarjeta no es válido.',
      incomplete_expiry: 'La fecha de caducidad está incompleta.',
      invalid_expiry: 'La fecha de caducidad no es válida.',
      invalid_expiry_year_past: 'La tarjeta ha caducado.',
      incomplete_cvc: 'El código de seguridad está incompleto.',
      incomplete_zip: 'El código postal está incompleto.'
    }
  };
  var NAMES = ['number', 'expiry', 'cvc', 'zip'];
  var BRANDS = [
    [/^4/, 'VISA', [16], 3], [/^(5[1-5]|2[2-7])/, 'MASTERCARD', [16], 3],
    [/^3[47]/, 'AMEX', [15], 4], [/^(6011|65)/, 'DISCOVER', [16], 3]
  ];
  var state = { key: '', clientSecret: '', texts: TEXTS.en, zip: true, parent: null };
  var fields = {};
  NAMES.forEach(function (name) { fields[name] = document.getElementById(name); });
  var form = document.getElementById('card');
  var chip = document.getElementById('brand');

  function tell(message) {
    if (window.parent !== window) { window.parent.postMessage(message, state.parent || '*'); }
  }

  function digits(name) { return fields[name].value.replace(/\D/g, ''); }

  function brand() {
    var number = digits('number');
    var found = BRANDS.find(function (each) { return each[0].test(number); });
    return found || [/^/, '', [16], 3];
  }

  function luhn(number) {
    var sum = 0;
    for (var i = 0; i < number.length; i += 1) {
      var value = Number(number[number.length - 1 - i]) * (i % 2 ? 2 : 1);
      sum += value > 9 ? value - 9 : value;
    }
    return sum % 10 === 0;
  }

  function expiry() {
    var parts = /^\s*(\d{1,2})\s*\/?\s*(\d{2}|\d{4})\s*$/.exec(fields.expiry.value);
    return parts ? { month: Number(parts[1]), year: Number(parts[2]) % 100 + 2000 } : null;
  }

  /* Return the code of what is wrong with a field, or ''. */
  function fault(name) {
    if (name === 'number') {
      var number = digits('number');
      if (number.length < brand()[2][0]) { return 'incomplete_number'; }
      return luhn(number) ? '' : 'invalid_number';
    }
    if (name === 'expiry') {
      var date = expiry();
      if (!date) { return 'incomplete_expiry'; }
      if (date.month < 1 || date.month > 12) { return 'invalid_expiry'; }
      var now = new Date();
      var past = date.year < now.getFullYear() ||
        (date.year === now.getFullYear() && date.month < now.getMonth() + 1);
      return past ? 'invalid_expiry_year_past' : '';
    }
    if (name === 'cvc') { return digits('cvc').length === brand()[3] ? '' : 'incomplete_cvc'; }
    return !state.zip || digits('zip').length >= 5 ? '' : 'incomplete_zip';
  }

  function show(name, code) {
    fields[name].classList.toggle('Input--invalid', Boolean(code));
    if (code) {
      fields[name].setAttribute('aria-invalid', 'true');
    } else {
      fields[name].removeAttribute('aria-invalid');
    }
    document.getElementById(name + '-error').textContent = code ? state.texts[code] : '';
  }

  function check() {
    var first = '';
    NAMES.forEach(function (name) {
      var code = fault(name);
      show(name, code);
      if (code && !first) { first = code; fields[name].focus(); }
    });
    if (!first) { return null; }
    return { error: { type: 'validation_error', code: first, message: state.texts[first] } };
  }

  var last = '';
  function changed() {
    var value = {
      complete: NAMES.every(function (name) { return !fault(name); }),
      empty: NAMES.every(function (name) { return !fields[name].value; }),
      collapsed: false,
      value: { type: 'card' }
    };
    var text = JSON.stringify(value);
    if (text !== last) { last = text; tell({ event: 'change', value: value }); }
  }

  /* Keep the caret behind the same digit while blanks come and go. */
  function reformat(input, text) {
    if (text === input.value) { return; }
    var before = input.value.slice(0, input.selectionStart).replace(/\D/g, '').length;
    input.value = text;
    var at = 0;
    while (before > 0 && at < text.length) {
      if (/\d/.test(text[at])) { before -= 1; }
      at += 1;
    }
    while (at < text.length && /\D/.test(text[at])) { at += 1; }
    input.setSelectionRange(at, at);
  }

  function typed(event) {
    var name = event.target.id;
    if (name === 'number') {
      var pattern = brand()[3] === 4 ? /^(\d{1,4})(\d{1,6})?(\d{1,5})?/ : null;
      var number = digits('number').slice(0, 19);
      var parts = pattern ? (pattern.exec(number) || []).slice(1) : number.match(/\d{1,4}/g);
      reformat(fields.number, (parts || []).filter(Boolean).join(' '));
      chip.textContent = brand()[1];
      chip.hidden = !brand()[1];
      fields.cvc.placeholder = brand()[3] === 4 ? '1234' : '123';
    }
    if (name === 'expiry' && event.inputType !== 'deleteContentBackward') {
      var date = digits('expiry');
      if (/^[2-9]/.test(date)) { date = '0' + date; }
      if (date.length >= 2 && date.length <= 4) {
        reformat(fields.expiry, date.slice(0, 2) + ' / ' + date.slice(2));
      }
    }
    if (name === 'cvc') { reformat(fields.cvc, digits('cvc').slice(0, brand()[3])); }
    if (fields[name].classList.contains('Input--invalid')) { show(name, fault(name)); }
    changed();
  }

  function flatten(prefix, value, into) {
    Object.keys(value || {}).forEach(function (key) {
      var name = prefix ? prefix + '[' + key + ']' : key;
      if (value[key] !== null && typeof value[key] === 'object') {
        flatten(name, value[key], into);
      } else if (value[key] !== null && value[key] !== undefined && value[key] !== '') {
        into.append(name, value[key]);
      }
    });
    return into;
  }

  function confirm(params) {
    var wrong = check();
    if (wrong) { return Promise.resolve(wrong); }
    var given = params.payment_method_data || {};
    var billing = JSON.parse(JSON.stringify(given.billing_details || {}));
    if (state.zip) {
      billing.address = Object.assign({}, billing.address, { postal_code: fields.zip.value.trim() });
    }
    var date = expiry();
    var body = flatten('', {
      client_secret: state.clientSecret,
      use_stripe_sdk: 'true',
      expected_payment_method_type: 'card',
      return_url: params.return_url,
      receipt_email: params.receipt_email,
      shipping: params.shipping,
      payment_method_data: {
        type: 'card',
        billing_details: billing,
        card: {
          number: digits('number'), cvc: digits('cvc'),
          exp_month: date.month, exp_year: date.year
        }
      }
    }, new URLSearchParams());
    return fetch('/v1/payment_intents/' + state.clientSecret.split('_secret_')[0] + '/confirm', {
      method: 'POST',
      headers: { Authorization: 'Bearer ' + state.key },
      body: body
    }).then(function (answer) { return answer.json(); }).then(function (result) {
      return result.error ? { error: result.error } : { paymentIntent: result };
    }).catch(function () {
      return { error: { type: 'api_connection_error', message:
        'We are experiencing issues connecting to our payments provider. ' +
        'Please check your connection or try again.' } };
    });
  }

  /* The page's look: theme, variables and rules, as the appearance API names them. */
  var sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [sheet];
  function dress(appearance, colorScheme) {
    var root = document.documentElement;
    if (colorScheme) { root.style.colorScheme = colorScheme; }
    var dark = /dark/.test(colorScheme || '') && matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = appearance ? appearance.theme || 'stripe' : dark ? 'night' : 'stripe';
    var variables = (appearance || {}).variables || {};
    Object.keys(variables).forEach(function (name) {
      if (/^[A-Za-z0-9]+$/.test(name) && !/url\(/i.test(variables[name])) {
        root.style.setProperty('--' + name, variables[name]);
      }
    });
    sheet.replaceSync('');
    var rules = (appearance || {}).rules || {};
    Object.keys(rules).forEach(function (selector) {
      if (!/^\.[\w-]+([:.][\w-]+)*$/.test(selector)) { return; }
      try {
        var at = sheet.insertRule(selector + ' {}', sheet.cssRules.length);
        Object.keys(rules[selector]).forEach(function (property) {
          var value = String(rules[selector][property]);
          if (!/url\(/i.test(value)) { sheet.cssRules[at].style[property] = value; }
        });
      } catch (error) {
        console.warn('appearance.rules: ' + selector + ' is not understood');
      }
    });
  }

  function speak(locale) {
    var wanted = !locale || locale === 'auto' ? navigator.language : locale;
    var language = String(wanted).slice(0, 2);
    state.texts = TEXTS[language] || TEXTS.en;
    document.documentElement.lang = TEXTS[language] ? language : 'en';
    document.querySelectorAll('[data-text]').forEach(function (node) {
      node.textContent = state.texts[node.dataset.text];
    });
  }

  function prepare(options) {
    var billing = ((options || {}).fields || {}).billingDetails;
    var address = billing && billing.address;
    state.zip = !(billing === 'never' || address === 'never' ||
      (address && address.postalCode === 'never'));
    document.getElementById('zip-field').hidden = !state.zip;
    var known = (((options || {}).defaultValues || {}).billingDetails || {}).address || {};
    if (known.postal_code && !fields.zip.value) { fields.zip.value = known.postal_code; }
  }

  var calls = {
    init: function (value) {
      state.key = value.key;
      state.clientSecret = value.clientSecret;
      speak(value.locale);
      dress(value.appearance, value.colorScheme);
      prepare(value.options);
      return lookUp();
    },
    update: function (value) {
      if (value.appearance) { dress(value.appearance); }
      if (value.locale) { speak(value.locale); }
      if (value.options) { prepare(value.options); }
    },
    submit: function () { return check() || {}; },
    confirm: function (value) { return confirm(value.params); },
    focus: function () { fields.number.focus(); },
    blur: function () { document.activeElement.blur(); },
    clear: function () {
      NAMES.forEach(function (name) { fields[name].value = ''; show(name, ''); });
      chip.hidden = true;
      changed();
    }
  };

  function lookUp() {
    var name = state.clientSecret.split('_secret_')[0];
    return fetch('/v1/payment_intents/' + name + '?client_secret=' +
      encodeURIComponent(state.clientSecret), { headers: { Authorization: 'Bearer ' + state.key } }
    ).then(function (answer) { return answer.json(); }).then(function (body) {
      if (body.error) {
        tell({ event: 'loaderror', value: { error: body.error } });
      } else {
        tell({ event: 'ready', value: {} });
        changed();
      }
    }).catch(function () {
      tell({ event: 'loaderror', value: { error: { type: 'api_connection_error',
        message: 'The payment form could not be loaded.' } } });
    });
  }

  window.addEventListener('message', function (event) {
    var data = event.data || {};
    if (event.source !== window.parent || !calls[data.call]) { return; }
    // The first who speaks is the page that embeds us; nobody else is heard after that.
    if (state.parent && state.parent !== event.origin) { return; }
    state.parent = event.origin;
    Promise.resolve(calls[data.call](data.value)).then(function (value) {
      if (data.number) { tell({ reply: data.number, value: value || {} }); }
    });
  });
  form.addEventListener('input', typed);
  form.addEventListener('focusout', function (event) {
    var name = event.target.id;
    if (fields[name] && fields[name].value) { show(name, fault(name)); }
    tell({ event: 'blur', value: {} });
  });
  form.addEventListener('focusin', function () { tell({ event: 'focus', value: {} }); });
  form.addEventListener('keydown', function (event) {
    if (event.key === 'Escape') { tell({ event: 'escape', value: {} }); }
  });
  form.addEventListener('submit', function (event) {
    event.preventDefault();
    tell({ event: 'enter' });
  });
  new ResizeObserver(function () {
    tell({ event: 'height', value: Math.ceil(form.getBoundingClientRect().height) + 8 });
  }).observe(form);
  tell({ event: 'hello' });
}());
