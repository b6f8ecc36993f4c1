"""Which admin site `admin.site` is; in a file of its own, since an app has one configuration."""

from django.contrib.admin.apps import AdminConfig


class DeskAdminConfig(AdminConfig):
    default_site = "hmnp.desk.site.DeskSite"
