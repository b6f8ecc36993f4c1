"""The floors as addresses."""

from django.urls import path

from benchmarks.floors import views

urlpatterns = [
    path("hello", views.hello),
    path("ten-kb", views.ten_kb),
    path("transaction", views.transaction_),
]
