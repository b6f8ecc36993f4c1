/* A stand-in for Stripe's browser script, as far as a page with a Payment Element needs it.
 * Same calls, same answers; the card fields live in a frame of the sandbox's own origin. */
(function () {
  'use strict';

  var script = document.currentScript;
  var ORIGIN = new URL(script ? script.src : location.href, location.href).origin;
  var frames = 0;

  function IntegrationError(message) {
    var error = new Error(message);
    error.name = 'IntegrationError';
    return error;
  }

  function idOf(clientSecret) {
    var found = /^(pi_[A-Za-z0-9]+)_secret_[A-Za-z0-9]+$/.exec(String(clientSecret || ''));
    if (!found) {
      throw IntegrationError('The client secret is not that of a PaymentIntent: ' +
        'it looks like pi_…_secret_….');
    }
    return found[1];
  }

  function ask(key, method, path, params) {
    var query = new URLSearchParams(params || {}).toString();
    var options = { method: method, headers: { Authorization: 'Bearer ' + key } };
    if (method === 'POST') {
      options.headers['Content-Type'] = 'application/x-www-form-urlencoded';
      options.body = query;
    } else if (query) {
      path += '?' + query;
    }
    return fetch(ORIGIN + path, options).then(function (answer) {
      return answer.json();
    }).then(function (body) {
      return body.error ? { error: body.error } : { paymentIntent: body };
    }).catch(function () {
      return { error: { type: 'api_connection_error', message:
        'We are experiencing issues connecting to our payments provider. ' +
        'Please check your connection or try again.' } };
    });
  }

  /* Events of an element: on, once, off. */
  function Emitter() { this.handlers = {}; }
  Emitter.prototype.on = function (name, handler) {
    (this.handlers[name] = this.handlers[name] || []).push(handler);
    return this;
  };
  Emitter.prototype.once = function (name, handler) {
    var self = this;
    return this.on(name, function once(event) { self.off(name, once); handler(event); });
  };
  Emitter.prototype.off = function (name, handler) {
    this.handlers[name] = (this.handlers[name] || []).filter(function (each) {
      return handler && each !== handler;
    });
    return this;
  };
  Emitter.prototype.emit = function (name, event) {
    (this.handlers[name] || []).slice().forEach(function (handler) { handler(event); });
  };

  /* A frame of the sandbox that answers calls by message. */
  function Frame(path, title) {
    this.node = document.createElement('iframe');
    this.node.title = title;
    this.node.name = '__sandboxStripeFrame' + (++frames);
    this.node.allow = 'payment';
    this.waiting = {};
    this.calls = 0;
    this.queue = [];
    this.open = false;
    this.heard = function () {};
    var self = this;
    this.listener = function (event) {
      if (event.origin !== ORIGIN || event.source !== self.node.contentWindow) { return; }
      var data = event.data || {};
      if (data.reply) {
        var done = self.waiting[data.reply];
        delete self.waiting[data.reply];
        if (done) { done(data.value); }
      } else if (data.event) {
        self.heard(data.event, data.value);
      }
    };
    window.addEventListener('message', this.listener);
    this.node.src = ORIGIN + path;
  }
  Frame.prototype.send = function (message) {
    if (!this.open) { this.queue.push(message); return; }
    this.node.contentWindow.postMessage(message, ORIGIN);
  };
  Frame.prototype.begin = function () {
    this.open = true;
    this.queue.splice(0).forEach(this.send, this);
  };
  Frame.prototype.call = function (name, value) {
    var number = ++this.calls;
    var self = this;
    return new Promise(function (resolve) {
      self.waiting[number] = resolve;
      self.send({ call: name, number: number, value: value });
    });
  };
  Frame.prototype.remove = function () {
    window.removeEventListener('message', this.listener);
    this.open = false;
    this.node.remove();
  };

  /* The Payment Element. */
  function PaymentElement(stripe, elements, options) {
    Emitter.call(this);
    this.stripe = stripe;
    this.elements = elements;
    this.options = options || {};
    this.frame = null;
    this.state = { complete: false, empty: true };
  }
  PaymentElement.prototype = Object.create(Emitter.prototype);
  PaymentElement.prototype.mount = function (where) {
    var place = typeof where === 'string' ? document.querySelector(where) : where;
    if (!place) {
      throw IntegrationError('The selector you specified (' + where + ') applies to no DOM ' +
        'elements that are currently on the page.');
    }
    if (this.frame) { this.unmount(); }
    var self = this;
    var frame = this.frame = new Frame('/stripe/element', 'Secure payment input frame');
    var style = frame.node.style;
    style.border = '0';
    style.display = 'block';
    style.width = 'calc(100% + 8px)';
    style.margin = '-4px';
    style.height = '230px';
    style.maxWidth = 'none';
    style.background = 'transparent';
    frame.heard = function (name, value) {
      if (name === 'hello') {
        frame.node.contentWindow.postMessage({ call: 'init', number: 0, value: {
          key: self.stripe.key,
          clientSecret: self.elements.clientSecret,
          appearance: self.elements.options.appearance || null,
          locale: self.elements.options.locale || self.stripe.locale || 'auto',
          options: self.options,
          colorScheme: getComputedStyle(frame.node).colorScheme
        } }, ORIGIN);
        frame.begin();
      } else if (name === 'height') {
        style.height = value + 'px';
      } else if (name === 'enter') {
        var form = frame.node.closest('form');
        if (form) { form.requestSubmit(); }
      } else {
        if (name === 'change') { self.state = value; }
        self.emit(name, Object.assign({ elementType: 'payment' }, value));
      }
    };
    place.replaceChildren(frame.node);
    return this;
  };
  PaymentElement.prototype.unmount = function () {
    if (this.frame) { this.frame.remove(); this.frame = null; }
    return this;
  };
  PaymentElement.prototype.destroy = function () {
    this.unmount();
    this.elements.element = null;
    return this;
  };
  PaymentElement.prototype.update = function (options) {
    this.options = Object.assign({}, this.options, options);
    if (this.frame) { this.frame.call('update', { options: this.options }); }
    return this;
  };
  ['focus', 'blur', 'clear'].forEach(function (name) {
    PaymentElement.prototype[name] = function () {
      if (this.frame) {
        if (name === 'focus') { this.frame.node.focus(); }
        this.frame.call(name);
      }
      return this;
    };
  });
  PaymentElement.prototype.collapse = function () { return this; };

  function Elements(stripe, options) {
    if (!options || !options.clientSecret) {
      throw IntegrationError('elements() needs a clientSecret: the sandbox does not play the ' +
        'deferred flow (mode, amount, currency).');
    }
    idOf(options.clientSecret);
    this.stripe = stripe;
    this.options = options;
    this.clientSecret = options.clientSecret;
    this.element = null;
  }
  Elements.prototype.create = function (type, options) {
    if (type !== 'payment') {
      throw IntegrationError('The sandbox plays the element "payment", not "' + type + '".');
    }
    if (this.element) {
      throw IntegrationError('Can only create one Element of type payment.');
    }
    this.element = new PaymentElement(this.stripe, this, options);
    return this.element;
  };
  Elements.prototype.getElement = function (type) {
    return type === 'payment' ? this.element : null;
  };
  Elements.prototype.update = function (options) {
    Object.assign(this.options, options);
    if (this.element && this.element.frame) {
      this.element.frame.call('update', {
        appearance: this.options.appearance, locale: this.options.locale
      });
    }
  };
  Elements.prototype.fetchUpdates = function () { return Promise.resolve({}); };
  Elements.prototype.submit = function () {
    if (!this.element || !this.element.frame) {
      return Promise.reject(IntegrationError('The Payment Element must be mounted first.'));
    }
    return this.element.frame.call('submit').then(function (value) {
      return value.error ? value : { selectedPaymentMethod: 'card' };
    });
  };

  /* 3-D Secure: the bank's page in a frame inside a modal dialog. */
  function authenticate(url) {
    return new Promise(function (resolve) {
      var path = url.replace(/^https?:\/\/[^/]+/, '') + '?embedded=1';
      var frame = new Frame(path, 'Card authentication');
      var dialog = document.createElement('dialog');
      dialog.setAttribute('aria-label', 'Card authentication');
      var outer = dialog.style;
      outer.width = 'min(440px, calc(100vw - 24px))';
      outer.maxWidth = 'none';
      outer.padding = '0';
      outer.border = '0';
      outer.borderRadius = '12px';
      outer.overflow = 'hidden';
      outer.background = '#fff';
      outer.boxShadow = '0 12px 48px rgb(0 0 0 / 45%), 0 0 0 200vmax rgb(8 16 22 / 45%)';
      var inner = frame.node.style;
      inner.display = 'block';
      inner.width = '100%';
      inner.height = '420px';
      inner.border = '0';
      frame.heard = function (name, value) {
        if (name === 'hello') { frame.begin(); frame.node.focus(); }
        if (name === 'height') { inner.height = value + 'px'; }
        if (name === 'authenticated') {
          frame.remove();
          dialog.close();
          dialog.remove();
          resolve();
        }
      };
      dialog.addEventListener('cancel', function (event) {
        event.preventDefault();
        frame.call('fail');
      });
      dialog.appendChild(frame.node);
      document.body.appendChild(dialog);
      dialog.showModal();
    });
  }

  function StripeObject(key, options) {
    this.key = key;
    this.locale = (options || {}).locale;
    this._registerWrapper = function () {};
  }
  StripeObject.prototype.elements = function (options) { return new Elements(this, options); };
  StripeObject.prototype.registerAppInfo = function () {};
  StripeObject.prototype.retrievePaymentIntent = function (clientSecret) {
    return ask(this.key, 'GET', '/v1/payment_intents/' + idOf(clientSecret),
      { client_secret: clientSecret });
  };

  StripeObject.prototype._finish = function (result, clientSecret) {
    var self = this;
    var intent = result.paymentIntent;
    if (result.error || intent.status !== 'requires_action') { return Promise.resolve(result); }
    var action = intent.next_action || {};
    var url = (action.use_stripe_sdk || {}).stripe_js || (action.redirect_to_url || {}).url;
    if (!url) { return Promise.resolve(result); }
    return authenticate(url).then(function () {
      return self.retrievePaymentIntent(clientSecret);
    }).then(function (after) {
      if (!after.error && after.paymentIntent.status === 'requires_payment_method') {
        var error = after.paymentIntent.last_payment_error || {};
        return { error: Object.assign({}, error, { payment_intent: after.paymentIntent }) };
      }
      return after;
    });
  };

  StripeObject.prototype.handleNextAction = function (options) {
    var secret = (options || {}).clientSecret;
    var self = this;
    return this.retrievePaymentIntent(secret).then(function (result) {
      return self._finish(result, secret);
    });
  };
  StripeObject.prototype.handleCardAction = function (secret) {
    return this.handleNextAction({ clientSecret: secret });
  };

  StripeObject.prototype.confirmPayment = function (options) {
    options = options || {};
    var self = this;
    var elements = options.elements;
    var params = options.confirmParams || {};
    var secret = elements ? elements.clientSecret : options.clientSecret;
    var stays = options.redirect === 'if_required';
    if (!elements && !params.payment_method) {
      return Promise.reject(IntegrationError('confirmPayment() needs `elements`, or ' +
        '`clientSecret` with confirmParams.payment_method.'));
    }
    if (!stays && !params.return_url) {
      return Promise.reject(IntegrationError('confirmPayment(): the `confirmParams.return_url` ' +
        'argument is required when `redirect` is not "if_required".'));
    }
    if (params.return_url && !/^https?:/.test(params.return_url)) {
      return Promise.reject(IntegrationError('confirmParams.return_url must be an absolute URL.'));
    }
    var step;
    if (elements) {
      if (!elements.element || !elements.element.frame) {
        return Promise.reject(IntegrationError('Invalid value for confirmPayment(): elements ' +
          'should have a mounted Payment Element.'));
      }
      step = elements.element.frame.call('confirm', { params: params });
    } else {
      step = ask(this.key, 'POST', '/v1/payment_intents/' + idOf(secret) + '/confirm', Object.assign(
        { client_secret: secret, payment_method: params.payment_method, use_stripe_sdk: 'true' },
        params.return_url ? { return_url: params.return_url } : {}));
    }
    return step.then(function (result) {
      return self._finish(result, secret);
    }).then(function (result) {
      if (result.error || stays) { return result; }
      var target = new URL(params.return_url);
      target.searchParams.set('payment_intent', result.paymentIntent.id);
      target.searchParams.set('payment_intent_client_secret', secret);
      target.searchParams.set('redirect_status',
        result.paymentIntent.status === 'processing' ? 'pending' : 'succeeded');
      location.assign(target.href);
      return new Promise(function () {});
    });
  };

  window.Stripe = function (key, options) {
    if (typeof key !== 'string' || !/^pk_(test|live)_/.test(key)) {
      throw IntegrationError('Invalid value for Stripe(): apiKey should be a publishable key ' +
        '(pk_…). Never use a secret key in the browser.');
    }
    return new StripeObject(key, options);
  };
  window.Stripe.version = 3;
}());
