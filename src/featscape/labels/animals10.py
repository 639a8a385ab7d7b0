"""English class names for the Italian folder names of the dataset Animals10."""

# the folders of Animals10 (Kaggle, Corrado Alessio)
ENGLISH_NAMES = {
    "cane": "dog",
    "cavallo": "horse",
    "elefante": "elephant",
    "farfalla": "butterfly",
    "gallina": "chicken",
    "gatto": "cat",
    "mucca": "cow",
    "pecora": "sheep",
    "ragno": "spider",
    "scoiattolo": "squirrel",
}
