"""The agent: it answers from a price list, and remembers what it has answered."""

PRICES = {"apple": "0.40", "pear": "0.55", "plum": "0.30"}

answers = {}


def answer(user, question):
    if question not in answers:
        price = next((PRICES[word] for word in question.lower().split() if word in PRICES), None)
        answers[question] = f"{price} each, {user}." if price else f"We do not sell that, {user}."
    return answers[question]
