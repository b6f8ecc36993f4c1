"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from bookings.pages import (
    cancel,
    confirmed,
    details,
    feed,
    find,
    in_person,
    manage,
    reschedule,
    session,
    when,
)
from hmnp.api import urlpatterns as api_urls
from hmnp.desk.booking_page import booking
from hmnp.desk.change_page import edit, move
from hmnp.desk.dashboard_page import dashboard
from hmnp.desk.export_page import bookings_csv
from hmnp.desk.money_page import money
from hmnp.desk.outside_page import booking_outside, queues
from hmnp.desk.phone_page import new_booking
from hmnp.desk.sessions_page import own_sessions
from hmnp.desk.statement_page import statement
from hmnp.desk.step_page import assign, step
from hmnp.desk.step_page import cancel as cancel_step
from hmnp.desk.today_page import today, week
from hmnp.rollout.switches_page import switches_page
from hmnp.rollout.urls import urlpatterns as v1_urls
from integrations.mail.tracking import PostmarkTracking
from payments.pages import late, receipt
from payments.pages import pay as pay_pages
from services import pages as service_pages

# The names are used across floors; templates and mails know addresses by nothing else.
pages = [
    path("", service_pages.home, name="home"),
    path("services/<slug:slug>/", service_pages.service, name="service"),
    path("fees/", service_pages.fee_schedule, name="fee-schedule"),
    path("terms/", service_pages.terms, name="terms"),
    path("privacy/", service_pages.privacy, name="privacy"),
    path("book/pay/", pay_pages.pay, name="book-pay"),
    path("book/pay/intent", pay_pages.pay_intent, name="book-pay-intent"),
    path("book/pay/return", pay_pages.pay_return, name="book-pay-return"),
    path("book/confirmed/<uuid:booking_id>/", confirmed.confirmed, name="book-confirmed"),
    path("book/confirmed/<uuid:booking_id>/calendar.ics", confirmed.calendar, name="book-calendar"),
    path("book/<slug:slug>/when/", when.when, name="book-when"),
    path("book/<slug:slug>/details/", details.details, name="book-details"),
    path("manage/<uuid:booking_id>", manage.manage, name="manage"),
    path("manage/<uuid:booking_id>/calendar.ics", manage.calendar, name="manage-calendar"),
    path("manage/<uuid:booking_id>/reschedule", reschedule.reschedule, name="manage-reschedule"),
    path("manage/<uuid:booking_id>/session", session.session, name="manage-session"),
    path("manage/<uuid:booking_id>/in-person", in_person.in_person, name="manage-in-person"),
    path("manage/<uuid:booking_id>/cancel", cancel.cancel, name="manage-cancel"),
    path("manage/<uuid:booking_id>/pay", pay_pages.pay_balance, name="manage-pay"),
    path(
        "manage/<uuid:booking_id>/pay/intent",
        pay_pages.pay_balance_intent,
        name="manage-pay-intent",
    ),
    path(
        "manage/<uuid:booking_id>/pay/return",
        pay_pages.pay_balance_return,
        name="manage-pay-return",
    ),
    path("manage/<uuid:booking_id>/late", late.choose, name="manage-late"),
    path("manage/<uuid:booking_id>/receipt", receipt.receipt, name="manage-receipt"),
    path("calendar/<str:secret>.ics", feed.feed, name="notary-feed"),
    path("find/", find.find, name="find"),
    path("find/sent/", find.sent, name="find-sent"),
]

urlpatterns = [
    *pages,
    path("api/v2/", include(api_urls)),
    path("api/", include(v1_urls)),
    path("anymail/postmark/tracking/", PostmarkTracking.as_view(), name="mail-tracking"),
    path("", include("hmnp.core.urls")),
    path("accounts/", include("hmnp.accounts.doors")),
    path(
        "admin/bookings/booking/<uuid:booking_id>/money/",
        admin.site.admin_view(money),
        name="admin-booking-money",
    ),
    path(
        "admin/bookings/booking/<uuid:booking_id>/outside/",
        admin.site.admin_view(booking_outside),
        name="admin-booking-outside",
    ),
    # In place of the theme's form of raw fields; `admin:bookings_booking_change` names it too.
    path(
        "admin/bookings/booking/<uuid:booking_id>/change/",
        admin.site.admin_view(booking),
        name="admin-booking",
    ),
    path(
        "admin/bookings/booking/<uuid:booking_id>/step/<slug:code>/",
        admin.site.admin_view(step),
        name="admin-booking-step",
    ),
    path(
        "admin/bookings/booking/<uuid:booking_id>/cancel/",
        admin.site.admin_view(cancel_step),
        name="admin-booking-cancel",
    ),
    path(
        "admin/bookings/booking/<uuid:booking_id>/assign/",
        admin.site.admin_view(assign),
        name="admin-booking-assign",
    ),
    path(
        "admin/bookings/booking/<uuid:booking_id>/move/",
        admin.site.admin_view(move),
        name="admin-booking-move",
    ),
    path(
        "admin/bookings/booking/<uuid:booking_id>/edit/",
        admin.site.admin_view(edit),
        name="admin-booking-edit",
    ),
    path(
        "admin/bookings/booking/new/", admin.site.admin_view(new_booking), name="admin-new-booking"
    ),
    path("admin/payments/statement/", admin.site.admin_view(statement), name="admin-statement"),
    path(
        "admin/bookings/booking/export.csv",
        admin.site.admin_view(bookings_csv),
        name="admin-bookings-csv",
    ),
    path("admin/integrations/outside/", admin.site.admin_view(queues), name="admin-outside"),
    path("admin/rollout/", admin.site.admin_view(switches_page), name="admin-rollout"),
    path("admin/desk/dashboard/", admin.site.admin_view(dashboard), name="admin-dashboard"),
    path("admin/sessions/", admin.site.admin_view(own_sessions), name="admin-sessions"),
    path("admin/week/", admin.site.admin_view(week), name="admin-week"),
    # In place of the theme's list of tables; `admin:index` names it too.
    path("admin/", admin.site.admin_view(today), name="admin-today"),
    path("admin/", admin.site.urls),
]

handler400 = "hmnp.core.error_views.bad_request"
handler403 = "hmnp.core.error_views.forbidden"
handler404 = "hmnp.core.error_views.not_found"
handler500 = "hmnp.core.error_views.server_error"
