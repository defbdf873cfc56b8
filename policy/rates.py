"""Exchange rates: US$ thresholds of amounts in other currencies, by the rate of a month.

The rate is that of the submission month and is pinned with the case; amounts of a document are never converted for payment.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from schemas.findings import Finding
from schemas.office import Rates

CENT = Decimal("0.01")

_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC
CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD
JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD
NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""

CURRENCIES = frozenset(_CODES.split())
"""ISO 4217 codes of money in circulation."""


def cents(amount: Decimal) -> Decimal:
    """Rounded to two decimals, halves up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def rate(rates: Rates, currency: str, day: date) -> Decimal | None:
    """Units of `currency` for one US$ in the month of `day`; None if the table has none. The dollar is always 1."""
    if currency == "USD":
        return Decimal(1)
    return rates.months.get(f"{day:%Y-%m}", {}).get(currency)


def to_usd(amount: Decimal, units_per_usd: Decimal) -> Decimal:
    """`amount` in US$, to the cent."""
    return cents(amount / units_per_usd)


def check(rates: Rates, currency: str, day: date) -> list[Finding]:
    """`unknown_currency` or `no_rate`, if so."""
    if currency not in CURRENCIES:
        return [
            Finding(
                rule="unknown_currency",
                message=f"{currency} is no ISO 4217 currency.",
                path="$.document.currency",
                source="ISO 4217",
                next_step="Use the code of the currency of implementation.",
            )
        ]
    if rate(rates, currency, day) is None:
        return [
            Finding(
                rule="no_rate",
                message=f"There is no exchange rate of {currency} for {day:%Y-%m}.",
                path="$.document.currency",
                source=f"rate table {rates.version}",
                next_step=f"Load the UN operational rates of {day:%Y-%m}.",
            )
        ]
    return []
