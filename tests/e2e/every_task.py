"""A small project of each kind of label, made as a newcomer would make it; for browser tests and the gallery."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from querist.engine import create
from querist.engine.project import Project
from querist.engine.run import run_until_waiting

LETTERS = [
    "A 58-year-old woman with type 2 diabetes was admitted with chest pain. She had been taking metformin 500 mg twice "
    "daily and ramipril 5 mg. Aspirin 300 mg was given, and the pain settled within an hour.",
    "Patient 😀 took ibuprofen 400 mg for a sprained ankle; café-au-lait spots were noted.",
    "تناول المريض الأسبرين ١٠٠ ملغ صباحا ومساء.",
    "No drug was given, and the wound was dressed.",
    "Amoxicillin 250 mg three times daily was stopped after a rash.",
    "Warfarin 3 mg was continued; INR was 2.4.",
    "Paracetamol 1 g every six hours controlled the fever.",
    "She was discharged on atorvastatin 20 mg and bisoprolol 2.5 mg.",
]
MAILS = [
    "The app says delivered, but nothing has arrived. Where is my parcel?",
    "I want my money back for the broken cup.",
    "The courier was rude, and the app logged me out twice.",
    "Can I change my delivery address in the app?",
    "Refund me the express fee, it came a week late.",
    "Your website is fine. Just saying hello.",
    "The parcel was opened and the app has no button for that.",
    "How long does a refund take?",
]
REPLIES = [
    ("How do I switch my card on?", "Open Cards, choose the new card and tap Activate.", "Thank you for reaching out!"),
    ("Is my money safe?", "We take safety seriously.", "Yes: it is held by a bank, and insured up to 85,000."),
    ("Where is my parcel?", "It left the depot this morning.", "Parcels are important to us."),
    ("Can I pay in two parts?", "Yes, choose Split at the checkout.", "No idea."),
    ("Do you ship to Malta?", "Malta is lovely in May.", "Yes, within five days."),
    ("My code does not work.", "Codes end at midnight; here is a new one.", "Try again."),
]
DRAFTS = [
    "Wher is my parcel",
    "i want to cancle the order",
    "Thx for you're help",
    "the item arived brokken",
    "can you chnage my adress",
    "no refnd yet",
]


def lines(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def smears(folder: Path, n: int = 6) -> str:
    """Pictures of cells, and the table that names them."""
    folder.mkdir(parents=True)
    for k in range(n):
        rng = np.random.default_rng(k)
        picture = Image.new("RGB", (720, 480), (239, 227, 220))
        pen = ImageDraw.Draw(picture)
        for _ in range(14):
            x, y, r = rng.integers(40, 680), rng.integers(40, 440), rng.integers(26, 34)
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(207, 143, 136))
        x, y = rng.integers(120, 600), rng.integers(120, 360)
        pen.ellipse((x - 60, y - 60, x + 60, y + 60), fill=(214, 183, 203))
        pen.ellipse((x - 38, y - 36, x + 30, y + 34), fill=(109, 74, 134))
        picture.save(folder / f"smear{k}.png")
    return lines(folder / "smears.jsonl", [{"file": f"smear{k}.png"} for k in range(n)])


def tones(folder: Path, n: int = 6) -> str:
    """Short tones, and the table that names them."""
    folder.mkdir(parents=True)
    for k in range(n):
        wav = np.sin(np.arange(4000) * (220 + 60 * k) * 2 * np.pi / 8000)
        with wave.open(str(folder / f"tone{k}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes((wav * 12_000).astype("<i2").tobytes())
    return lines(folder / "tones.jsonl", [{"file": f"tone{k}.wav"} for k in range(n)])


def concrete() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        {"cement": int(rng.integers(150, 540)), "water": int(rng.integers(120, 240)), "age": int(rng.integers(1, 90))}
        for _ in range(8)
    ]


def options(home: Path) -> dict[str, dict[str, Any]]:
    """How each project is made: the arguments of `init`."""
    home.mkdir(parents=True, exist_ok=True)
    mails = lines(home / "mails.jsonl", [{"text": text} for text in MAILS])
    letters = lines(home / "letters.jsonl", [{"text": text} for text in LETTERS])
    pairs = lines(home / "pairs.jsonl", [{"asked": q, "a": a, "b": b} for q, a, b in REPLIES])
    orders = [{"short": a, "long": b, "none": "Please call us."} for _, a, b in REPLIES]
    return {
        "single_label": {"data": mails, "text": "text", "classes": ["refund", "delivery", "app"]},
        "multi_label": {"data": mails, "text": "text", "classes": ["refund", "delivery", "app"]},
        "numeric": {
            "data": lines(home / "concrete.jsonl", concrete()),
            "task_settings": {"low": 0, "high": 80, "unit": "MPa"},
        },
        "pairwise": {"data": pairs, "text": "asked", "pair": ["a", "b"]},
        "ranking": {"data": lines(home / "orders.jsonl", orders), "columns": ["short", "long", "none"]},
        "spans": {"data": letters, "text": "text", "classes": ["drug", "dose", "finding"]},
        "relations": {
            "data": letters,
            "text": "text",
            "classes": ["drug", "dose"],
            "task_settings": {"relations": ["dose of"]},
        },
        "boxes": {"data": smears(home / "smears"), "image": "file", "classes": ["red cell", "white cell"]},
        "polygons": {"data": smears(home / "outlines"), "image": "file", "classes": ["red cell", "white cell"]},
        "text": {"data": lines(home / "drafts.jsonl", [{"text": text} for text in DRAFTS]), "text": "text"},
        "audio": {"data": tones(home / "tones"), "audio": "file", "classes": ["low", "high"], "task": "single_label"},
    }


def mails(home: Path, name: str, classes: list[str], **labels: Any) -> Project:
    """A project of seventy short texts, each of one of some classes; `labels` are settings of that section."""
    data = lines(home / f"{name}.jsonl", [{"text": f"{name} mail {n}"} for n in range(70)])
    settings = {"labels": {"question": "What is it about?", **labels}, "lanes": {"evaluation": 0.0}, "features": {}}
    create.init(home / name, data=data, text="text", classes=classes, name=name, settings=settings)
    project = Project.open(home / name)
    run_until_waiting(project)
    return project


QUESTIONS = {
    "single_label": "What is this customer asking about?",
    "multi_label": "What does this customer write about?",
    "numeric": "How strong is this concrete after curing?",
    "pairwise": "Which reply would help this customer more?",
    "ranking": "Put the replies in order, the friendliest first",
    "spans": "Mark every drug, dose and finding",
    "relations": "Mark drugs and doses, then say which dose is of which drug",
    "boxes": "Draw a box around every whole cell",
    "polygons": "Draw around the white (purple) cell",
    "text": "Correct the spelling",
    "audio": "Is this tone low or high?",
}


def make(home: Path, *names: str) -> dict[str, Project]:
    """Make the projects in a folder, each with its first items in the queue."""
    made = {}
    for name, given in options(home / "data").items():
        if names and name not in names:
            continue
        settings = {"labels": {"question": QUESTIONS[name]}, "lanes": {"evaluation": 0.0}, "features": {}}
        create.init(home / name, **{"task": name, "name": name.replace("_", " "), "settings": settings, **given})
        made[name] = Project.open(home / name)
        run_until_waiting(made[name])
    return made
