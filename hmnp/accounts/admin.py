from django.contrib import admin
from rest_framework_api_key.admin import APIKeyModelAdmin
from rest_framework_api_key.models import APIKey

from hmnp.accounts.models import Partner, PartnerApiKey

# Keys without a partner open nothing here.
admin.site.unregister(APIKey)


@admin.register(Partner)
class PartnerAdmin(admin.ModelAdmin[Partner]):
    list_display = ["name", "terms", "contact_email", "is_active"]
    list_filter = ["terms", "is_active"]
    search_fields = ["name", "contact_email"]


@admin.register(PartnerApiKey)
class PartnerApiKeyAdmin(APIKeyModelAdmin):
    list_display = ("prefix", "partner", "name", "created", "expiry_date", "revoked")
    list_select_related = ["partner"]
