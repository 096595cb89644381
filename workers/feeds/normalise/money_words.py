"""Tables for pay: signs and codes of currencies, words for its unit of time."""

from workers.model.listing import SalaryUnit

# Longest first where one contains another; "$" alone is the last resort.
SIGNS = {
    "us$": "USD", "ca$": "CAD", "c$": "CAD", "au$": "AUD", "a$": "AUD", "nz$": "NZD", "s$": "SGD", "hk$": "HKD",
    "r$": "BRL", "mx$": "MXN", "€": "EUR", "£": "GBP", "₹": "INR", "zł": "PLN", "kč": "CZK", "₩": "KRW", "₺": "TRY",
    "₪": "ILS", "₴": "UAH", "₱": "PHP", "฿": "THB", "₫": "VND", "₦": "NGN", "$": "USD",
}  # fmt: skip
# In capitals; those of LOWER also in small letters ("try" and "all" are words too).
CODES = {
    "USD", "CAD", "AUD", "NZD", "SGD", "HKD", "BRL", "MXN", "EUR", "GBP", "CHF", "INR", "PLN",
    "SEK", "NOK", "DKK", "CZK", "HUF", "RON", "BGN", "JPY", "CNY", "KRW", "TRY", "ILS", "ZAR",
    "AED", "SAR", "QAR", "UAH", "PHP", "MYR", "IDR", "THB", "VND", "NGN", "KES", "EGP", "ARS",
    "CLP", "COP", "PEN", "TWD", "PKR", "LKR", "BDT",
}  # fmt: skip
LOWER = {"eur": "EUR", "euro": "EUR", "euros": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF", "pln": "PLN"}

_UNITS: dict[SalaryUnit, str] = {
    "HOUR": "hour hours hr hrs h hourly stunde stündlich heure hora std ph perhour",
    "DAY": "day days daily tag jour día pd perday",
    "WEEK": "week weekly wk woche semaine semana pw perweek",
    "MONTH": "month monthly mo monat monatlich mois mes mensuel pm pcm permonth",
    "YEAR": "year years yearly yr annual annually annum jahr jährlich an année año pa peryear perannum",
}
UNITS: dict[str, SalaryUnit] = {word: unit for unit, words in _UNITS.items() for word in words.split()}
