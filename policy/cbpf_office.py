"""Office files for the countries of the pooled funds: generated, with invented people, so that imported cases find an office.

Assumed throughout and never a description of a real office. The same country and year give the same file. Time zones and weekends are
the usual ones of the capital; there are no public holidays.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from schemas.office import Office


class Country(NamedTuple):
    iso3: str
    name: str
    time_zone: str
    currency: str
    weekend: tuple[int, ...] = (5, 6)


FRIDAY = (4, 5)

COUNTRIES: Mapping[str, Country] = {
    "AF": Country("AFG", "Afghanistan", "Asia/Kabul", "AFN", FRIDAY),
    "BD": Country("BGD", "Bangladesh", "Asia/Dhaka", "BDT", FRIDAY),
    "BF": Country("BFA", "Burkina Faso", "Africa/Ouagadougou", "XOF"),
    "CD": Country("COD", "Democratic Republic of the Congo", "Africa/Kinshasa", "CDF"),
    "CF": Country("CAF", "Central African Republic", "Africa/Bangui", "XAF"),
    "CO": Country("COL", "Colombia", "America/Bogota", "COP"),
    "ET": Country("ETH", "Ethiopia", "Africa/Addis_Ababa", "ETB"),
    "FJ": Country("FJI", "Fiji", "Pacific/Fiji", "FJD"),
    "GT": Country("GTM", "Guatemala", "America/Guatemala", "GTQ"),
    "HN": Country("HND", "Honduras", "America/Tegucigalpa", "HNL"),
    "HT": Country("HTI", "Haiti", "America/Port-au-Prince", "HTG"),
    "IQ": Country("IRQ", "Iraq", "Asia/Baghdad", "IQD", FRIDAY),
    "JO": Country("JOR", "Jordan", "Asia/Amman", "JOD", FRIDAY),
    "KE": Country("KEN", "Kenya", "Africa/Nairobi", "KES"),
    "LA": Country("LAO", "Lao People's Democratic Republic", "Asia/Vientiane", "LAK"),
    "LB": Country("LBN", "Lebanon", "Asia/Beirut", "LBP"),
    "LK": Country("LKA", "Sri Lanka", "Asia/Colombo", "LKR"),
    "ML": Country("MLI", "Mali", "Africa/Bamako", "XOF"),
    "MM": Country("MMR", "Myanmar", "Asia/Yangon", "MMK"),
    "MZ": Country("MOZ", "Mozambique", "Africa/Maputo", "MZN"),
    "NE": Country("NER", "Niger", "Africa/Niamey", "XOF"),
    "NG": Country("NGA", "Nigeria", "Africa/Lagos", "NGN"),
    "NP": Country("NPL", "Nepal", "Asia/Kathmandu", "NPR"),
    "PG": Country("PNG", "Papua New Guinea", "Pacific/Port_Moresby", "PGK"),
    "PH": Country("PHL", "Philippines", "Asia/Manila", "PHP"),
    "PK": Country("PAK", "Pakistan", "Asia/Karachi", "PKR"),
    "PS": Country("PSE", "State of Palestine", "Asia/Hebron", "ILS", FRIDAY),
    "SB": Country("SLB", "Solomon Islands", "Pacific/Guadalcanal", "SBD"),
    "SD": Country("SDN", "Sudan", "Africa/Khartoum", "SDG", FRIDAY),
    "SO": Country("SOM", "Somalia", "Africa/Mogadishu", "SOS", FRIDAY),
    "SS": Country("SSD", "South Sudan", "Africa/Juba", "SSP"),
    "SV": Country("SLV", "El Salvador", "America/El_Salvador", "USD"),
    "SY": Country("SYR", "Syrian Arab Republic", "Asia/Damascus", "SYP", FRIDAY),
    "TD": Country("TCD", "Chad", "Africa/Ndjamena", "XAF"),
    "TH": Country("THA", "Thailand", "Asia/Bangkok", "THB"),
    "TO": Country("TON", "Tonga", "Pacific/Tongatapu", "TOP"),
    "TR": Country("TUR", "Türkiye", "Europe/Istanbul", "TRY"),
    "UA": Country("UKR", "Ukraine", "Europe/Kyiv", "UAH"),
    "UG": Country("UGA", "Uganda", "Africa/Kampala", "UGX"),
    "VE": Country("VEN", "Venezuela", "America/Caracas", "VES"),
    "VU": Country("VUT", "Vanuatu", "Pacific/Efate", "VUV"),
    "YE": Country("YEM", "Yemen", "Asia/Aden", "YER", FRIDAY),
}

PROGRAMMES: Mapping[str, tuple[str, ...]] = {"TR": ("TR-CP", "SY-CP")}
"""Where an office serves another country's programme too: Syria cross-border."""

POSTS: tuple[tuple[int, tuple[tuple[str, str, str], ...]], ...] = (
    (1, (("focal_point", "", "programme"),)),
    (2, (("partnership_manager", "", "partnerships"),)),
    (3, (("budget_owner", "", "programme"),)),
    (4, (("committee_secretary", "", "partnerships"),)),
    (5, (("committee_chair", "", "management"), ("overall_approver", "", "management"))),
    (6, (("authorised_officer", "", "management"),)),
    (7, (("authorised_officer", "", "operations"),)),
    (8, (("head_of_office", "", "management"),)),
    (9, (("finance_officer", "", "finance"),)),
    (10, (("finance_officer", "", "finance"),)),
    (11, (("vendor_officer", "", "operations"),)),
    (12, (("risk_officer", "", "partnerships"),)),
    (13, (("risk_officer", "", "partnerships"),)),
    (14, (("assurance_officer", "", "partnerships"),)),
    (15, (("legal_officer", "", "management"),)),
    (16, (("committee_member", "programme", "health"),)),
    (17, (("committee_member", "finance", "finance"),)),
    (18, (("committee_member", "supply", "supply"),)),
    (19, (("committee_member", "monitoring", "planning"),)),
    (20, (("committee_member", "supply", "supply"),)),
    (21, (("committee_member", "programme", "planning"),)),
    (22, (("focal_point", "", "programme"),)),
    (23, (("regional_director", "", ""),)),
    (24, (("auditor", "", ""),)),
    (25, (("ops", "", ""),)),
    (26, (("partnership_manager", "", "partnerships"),)),
    (27, (("global_emergency_coordinator", "", ""),)),
    (28, (("committee_member", "finance", "operations"),)),
)
"""Number of the person to roles (role, function on the committee, section): enough people for every segregation rule."""

SECTIONS = ("programme", "health", "partnerships", "finance", "supply", "planning", "operations", "management")
GIVEN = ("Ada", "Bilal", "Chanda", "Dilan", "Ema", "Farid", "Gita", "Hugo", "Ines", "Jun", "Kofi", "Lina", "Mika", "Noor", "Omar", "Pia")
FAMILY = (
    "Arden",
    "Belo",
    "Castor",
    "Dumar",
    "Eskil",
    "Farro",
    "Galen",
    "Hadim",
    "Ibsa",
    "Jarrow",
    "Kendi",
    "Lomax",
    "Marun",
    "Nolde",
    "Orsak",
)


def roster(iso2: str) -> tuple[str, ...]:
    """Emergency reviewers, in order."""
    return (f"{iso2.lower()}.017", f"{iso2.lower()}.016")


def office_file(iso2: str, year: int) -> Office:
    """The office of a country for allocations of `year`: its programme runs from the year before to three years after.

    Raises KeyError for a country no fund is in.
    """
    country, actor = COUNTRIES[iso2], iso2.lower()

    def person(number: int, posts: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
        drawn = hashlib.sha256(f"{iso2}:{number}".encode()).digest()
        return {
            "actor": f"{actor}.{number:03d}",
            "name": f"{GIVEN[drawn[0] % len(GIVEN)]} {FAMILY[drawn[1] % len(FAMILY)]}",
            "email": f"{actor}.{number:03d}@office.example",
            "roles": [
                {"role": role, "functions": (function,) if function else (), "section": section} for role, function, section in posts
            ],
        }

    return Office.model_validate(
        {
            "iso2": iso2,
            "iso3": country.iso3,
            "name": f"{country.name} (invented office)",
            "time_zone": country.time_zone,
            "weekend": country.weekend,
            "currency": country.currency,
            "sections": SECTIONS,
            "people": [person(number, posts) for number, posts in POSTS],
            "roster": roster(iso2),
            "programmes": [
                {"id": programme, "start": date(year - 1, 1, 1), "end": date(year + 3, 12, 31), "outputs": ("CP-1",)}
                for programme in PROGRAMMES.get(iso2, (f"{iso2}-CP",))
            ],
            "grants": [{"id": f"CBPF-{iso2}", "donor": "pooled fund", "currency": "USD", "expires_on": date(year + 4, 12, 31)}],
            "languages": ("en",),
            "effective_on": date(year - 1, 1, 1),
            "version": f"generated-{year}",
        }
    )
