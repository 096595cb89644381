"""Tables for dates: months in eight languages, zone names with their offsets in minutes, words for today."""

from datetime import timedelta

_MONTHS = {
    1: "jan january januar jänner janv janvier ene enero gennaio gen januari janeiro stycznia",
    2: "feb february februar févr fev février febrero febbraio februari fevereiro lutego",
    3: "mar march mär märz mrz mars marzo maart mrt março marca",
    4: "apr april avr avril abr abril aprile kwietnia",
    5: "may mai mayo maggio mag mei maio maja maj",
    6: "jun june juni juin junio giugno giu junho czerwca",
    7: "jul july juli juil juillet julio luglio lug julho lipca",
    8: "aug august août aout ago agosto augustus augusti sierpnia",
    9: "sep sept september septembre septiembre settembre set setembro września",
    10: "oct october okt oktober octobre octubre ottobre ott outubro out października",
    11: "nov november novembre noviembre novembro listopada",
    12: "dec december dez dezember déc décembre dic diciembre dicembre dezembro grudnia",
}
MONTHS = {word: month for month, words in _MONTHS.items() for word in words.split()}

# The common reading of each; IST is India's, CST and BST are America's and Britain's.
_ZONES = {
    "UTC GMT Z UT WET": 0,
    "CET BST MEZ WEST IST+1": 60,
    "CEST MESZ EET SAST CAT": 120,
    "EEST MSK EAT TRT AST+3": 180,
    "GST": 240,
    "PKT": 300,
    "IST": 330,
    "ICT WIB": 420,
    "SGT HKT AWST PHT MYT": 480,
    "JST KST": 540,
    "ACST": 570,
    "AEST": 600,
    "ACDT": 630,
    "AEDT": 660,
    "NZST": 720,
    "NZDT": 780,
    "BRT ART ADT": -180,
    "NDT": -150,
    "NST": -210,
    "AST EDT CLT": -240,
    "EST CDT COT PET": -300,
    "CST MDT": -360,
    "MST PDT": -420,
    "PST AKDT": -480,
    "AKST HDT": -540,
    "HST": -600,
}
ZONES = {name: timedelta(minutes=minutes) for names, minutes in _ZONES.items() for name in names.split()}

RELATIVE = {
    "today": 0,
    "just posted": 0,
    "posted today": 0,
    "just now": 0,
    "heute": 0,
    "aujourd'hui": 0,
    "hoy": 0,
    "yesterday": 1,
    "posted yesterday": 1,
    "gestern": 1,
    "hier": 1,
    "ayer": 1,
}
