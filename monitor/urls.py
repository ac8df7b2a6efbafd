"""All addresses: the dashboard has the root."""

from django.urls import include, path

urlpatterns = [path("", include("dashboard.urls"))]
