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
    "HOUR": "hour hours hr hrs h std ph perhour stunde heure hora ora uur godzina godz godzinę timme timmen",
    "DAY": "day days pd perday tag jour día dia giorno dag dzień dziennie",
    "WEEK": "week wk pw perweek woche semaine semana settimana tydzień tygodniowo vecka uke uge",
    "MONTH": "month mo pm pcm permonth monat mois mes mês mese maand miesiąc mies månad måned",
    "YEAR": "year years yr pa annum perannum peryear jahr an année año ano anno jaar rok år",
}
# Words that name a unit without a "per" before them.
_ALONE: dict[SalaryUnit, str] = {
    "HOUR": "hourly stündlich horaire orario orari uurloon timlön timelønn",
    "DAY": "daily täglich tagessatz diario",
    "WEEK": "weekly wöchentlich hebdomadaire semanal wekelijks",
    "MONTH": "monthly monatlich mensuel mensuels mensual mensuales mensal mensile mensili maandelijks miesięcznie",
    "YEAR": "yearly annually annual jährlich annuel annuels anual anuales annuo annui annuale jaarlijks rocznie",
}
ALONE: dict[str, SalaryUnit] = {word: unit for unit, words in _ALONE.items() for word in words.split()}
UNITS: dict[str, SalaryUnit] = {word: unit for unit, words in _UNITS.items() for word in words.split()}
UNITS.update(ALONE)
