"""The site every fault test works on."""

from tests.faults.site import _faults_site, site

__all__ = ["_faults_site", "site"]
