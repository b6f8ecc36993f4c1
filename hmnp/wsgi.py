"""The WSGI application that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from hmnp.core import courier, health
from services.warm_up import warm_up

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmnp.settings.production")

application = get_wsgi_application()
warm_up()
# What the checks import and connect to takes its time once: not in the first probe's.
health.run_checks()
# What is there now stays: to look through it for garbage again and again took a tenth of a second
# each time, in the middle of somebody's request.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 20)
courier.start(role="web")
