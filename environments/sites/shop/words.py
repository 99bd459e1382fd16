"""The shop's words: kinds of product with their ranges, product lines, brands, towns, people, what reviewers say."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of product: lowest and highest price in dollars and weight in grams, materials, names of options."""

    name: str
    price: tuple[int, int]
    weight: tuple[int, int]
    materials: tuple[str, ...]
    options: tuple[str, ...] = ()


_METAL = ("Aluminium", "Stainless steel", "Powder-coated steel")
_FABRIC = ("Recycled polyester", "Waxed cotton", "Ripstop nylon")
_WARM = ("Merino wool", "Recycled fleece", "Organic cotton")
_WOOD = ("Oak", "Beech", "Bamboo")
_SOLE = ("Full-grain leather", "Suede and mesh", "Natural rubber")
_WEAR = ("Size", "Colour")

KINDS: dict[str, tuple[Kind, ...]] = {
    "Lighting": (
        Kind("Trail Lantern", (24, 79), (180, 620), _METAL),
        Kind("Headlamp", (18, 89), (60, 190), ("ABS plastic", "Aluminium")),
        Kind("String Lights", (14, 45), (150, 480), ("Silicone", "Braided cord")),
        Kind("Pocket Torch", (9, 39), (50, 160), _METAL),
        Kind("Table Lamp", (35, 129), (900, 2600), (*_WOOD, "Ceramic"), ("Colour",)),
        Kind("Reading Light", (15, 49), (90, 340), _METAL),
        Kind("Tent Light", (12, 42), (70, 240), ("Silicone", "ABS plastic")),
        Kind("Floor Lamp", (79, 219), (3200, 7800), (*_WOOD, "Powder-coated steel"), ("Colour",)),
        Kind("Clip Lamp", (16, 46), (200, 560), _METAL),
        Kind("Night Light", (8, 29), (60, 210), ("Silicone", "Ceramic")),
    ),
    "Tents": (
        Kind("Two-Person Tent", (129, 389), (1400, 3200), _FABRIC, ("Colour",)),
        Kind("Family Tent", (249, 699), (6800, 14500), _FABRIC),
        Kind("Dome Tent", (99, 299), (2100, 4300), _FABRIC, ("Colour",)),
        Kind("Tarp Shelter", (39, 149), (420, 1300), _FABRIC),
        Kind("Ground Sheet", (14, 59), (240, 900), ("Polyethylene", "Ripstop nylon")),
        Kind("Bivvy Bag", (49, 189), (310, 820), _FABRIC),
        Kind("Beach Shelter", (35, 99), (1100, 2500), _FABRIC),
        Kind("Pole Set", (19, 79), (380, 1400), ("Aluminium", "Fibreglass")),
        Kind("Peg Set", (7, 28), (90, 380), _METAL),
        Kind("Guy Line Kit", (6, 24), (60, 210), ("Braided cord",)),
    ),
    "Sleeping": (
        Kind("Down Sleeping Bag", (159, 449), (680, 1500), _FABRIC, ("Size",)),
        Kind("Summer Sleeping Bag", (45, 139), (590, 1100), _FABRIC),
        Kind("Foam Mat", (15, 49), (310, 540), ("Closed-cell foam",)),
        Kind("Air Mat", (49, 189), (420, 980), ("Ripstop nylon", "Recycled polyester")),
        Kind("Camp Pillow", (12, 49), (80, 290), (*_WARM, "Recycled polyester"), ("Colour",)),
        Kind("Bag Liner", (19, 79), (130, 360), ("Silk", "Organic cotton", "Merino wool")),
        Kind("Hammock", (39, 129), (380, 1400), _FABRIC, ("Colour",)),
        Kind("Camp Cot", (69, 199), (3900, 8200), _METAL),
        Kind("Wool Blanket", (49, 149), (1100, 2200), ("Merino wool", "Lambswool"), ("Colour",)),
        Kind("Mattress Pump", (14, 59), (240, 700), ("ABS plastic",)),
    ),
    "Bags": (
        Kind("Day Pack", (39, 139), (480, 1100), _FABRIC, ("Colour",)),
        Kind("Trekking Pack", (119, 319), (1300, 2600), _FABRIC, _WEAR),
        Kind("Duffel Bag", (49, 169), (700, 1600), _FABRIC, ("Colour",)),
        Kind("Waist Pack", (19, 69), (160, 420), _FABRIC),
        Kind("Tote Bag", (12, 49), (180, 520), ("Organic cotton", "Waxed cotton"), ("Colour",)),
        Kind("Dry Bag", (12, 59), (90, 410), ("Coated nylon", "Recycled vinyl")),
        Kind("Messenger Bag", (49, 149), (650, 1300), _FABRIC),
        Kind("Packing Cubes", (18, 54), (140, 390), _FABRIC),
        Kind("Laptop Sleeve", (19, 59), (160, 350), ("Wool felt", "Neoprene")),
        Kind("Wash Bag", (14, 49), (110, 300), _FABRIC),
    ),
    "Cookware": (
        Kind("Gas Stove", (29, 149), (85, 2400), _METAL),
        Kind("Camp Kettle", (19, 69), (170, 640), _METAL),
        Kind("Frying Pan", (24, 99), (310, 1900), ("Cast iron", "Aluminium", "Carbon steel")),
        Kind("Cooking Pot", (29, 119), (260, 2100), _METAL),
        Kind("Coffee Press", (24, 79), (320, 900), ("Stainless steel", "Borosilicate glass")),
        Kind("Insulated Flask", (19, 59), (260, 620), ("Stainless steel",), ("Colour",)),
        Kind("Lunch Box", (12, 44), (180, 540), ("Stainless steel", "Bamboo")),
        Kind("Cutlery Set", (9, 39), (60, 260), ("Stainless steel", "Titanium", "Beech")),
        Kind("Enamel Mug", (8, 24), (120, 260), ("Enamelled steel",), ("Colour",)),
        Kind("Cool Box", (39, 189), (1400, 7200), ("Polypropylene",)),
    ),
    "Clothing": (
        Kind("Fleece Jacket", (49, 149), (290, 520), ("Recycled fleece",), _WEAR),
        Kind("Shell Jacket", (99, 349), (260, 540), _FABRIC, _WEAR),
        Kind("Down Vest", (79, 199), (220, 410), ("Ripstop nylon", "Recycled polyester"), _WEAR),
        Kind("Wool Jumper", (69, 179), (420, 780), ("Merino wool", "Lambswool"), _WEAR),
        Kind("Hiking Trousers", (59, 169), (310, 560), _FABRIC, _WEAR),
        Kind("Base Layer", (35, 109), (150, 290), ("Merino wool", "Recycled polyester"), ("Size",)),
        Kind("Wool Hat", (15, 49), (60, 130), ("Merino wool", "Lambswool"), ("Colour",)),
        Kind("Work Gloves", (14, 59), (90, 230), ("Goat leather", "Nitrile and cotton"), ("Size",)),
        Kind("Hiking Socks", (9, 34), (50, 110), _WARM, ("Size",)),
        Kind("Neck Warmer", (12, 39), (45, 110), _WARM, ("Colour",)),
    ),
    "Footwear": (
        Kind("Hiking Boots", (109, 329), (980, 1700), _SOLE, ("Size",)),
        Kind("Trail Shoes", (79, 189), (540, 820), _SOLE, ("Size",)),
        Kind("Camp Slippers", (24, 79), (210, 480), ("Wool felt", "Recycled fleece"), ("Size",)),
        Kind("Wellington Boots", (39, 129), (1300, 2300), ("Natural rubber",), ("Size",)),
        Kind("Walking Sandals", (49, 139), (430, 760), _SOLE, ("Size",)),
        Kind("Winter Boots", (99, 269), (1200, 2100), _SOLE, ("Size",)),
        Kind("Gaiters", (25, 79), (150, 330), _FABRIC),
        Kind("Insoles", (12, 49), (60, 160), ("Cork", "Wool felt")),
        Kind("Bootlaces", (4, 14), (15, 40), ("Braided cord",)),
        Kind("Boot Brush", (7, 24), (90, 260), _WOOD),
    ),
    "Tools": (
        Kind("Folding Saw", (19, 69), (160, 420), ("Carbon steel",)),
        Kind("Camp Hatchet", (29, 119), (480, 950), ("Carbon steel",)),
        Kind("Pocket Multitool", (24, 129), (110, 290), ("Stainless steel", "Titanium")),
        Kind("Claw Hammer", (14, 49), (520, 940), ("Carbon steel",)),
        Kind("Hand Drill", (29, 89), (700, 1500), ("Cast iron", "Beech")),
        Kind("Tape Measure", (6, 24), (120, 380), ("ABS plastic",)),
        Kind("Screwdriver Set", (15, 59), (240, 900), ("Chrome steel",)),
        Kind("Tool Roll", (19, 69), (260, 640), ("Waxed cotton", "Goat leather")),
        Kind("Step Ladder", (49, 149), (3800, 8900), ("Aluminium", "Beech")),
        Kind("Utility Knife", (8, 34), (70, 190), _METAL),
    ),
    "Storage": (
        Kind("Storage Crate", (15, 59), (900, 2800), (*_WOOD, "Recycled plastic")),
        Kind("Laundry Basket", (24, 79), (800, 2200), ("Bamboo", "Seagrass", "Wool felt")),
        Kind("Shoe Rack", (29, 99), (2400, 6200), (*_WOOD, "Powder-coated steel")),
        Kind("Coat Hooks", (12, 54), (240, 1100), _METAL),
        Kind("Wall Shelf", (25, 109), (1400, 5200), _WOOD),
        Kind("Magazine Rack", (24, 79), (900, 2400), _METAL),
        Kind("Drawer Organiser", (12, 49), (320, 1300), ("Bamboo", "Recycled plastic")),
        Kind("Umbrella Stand", (29, 89), (1900, 4300), _METAL),
        Kind("Glass Jar Set", (15, 49), (900, 2600), ("Borosilicate glass",)),
        Kind("Blanket Box", (89, 259), (7200, 16800), _WOOD),
    ),
    "Living": (
        Kind("Floor Cushion", (29, 99), (900, 2300), _WARM, ("Colour",)),
        Kind("Throw Blanket", (35, 119), (600, 1400), _WARM, ("Colour",)),
        Kind("Picnic Rug", (24, 89), (700, 1700), ("Recycled polyester", "Lambswool")),
        Kind("Bath Towel", (14, 49), (320, 780), ("Organic cotton", "Linen"), ("Colour",)),
        Kind("Door Mat", (15, 54), (1100, 3400), ("Coir", "Natural rubber")),
        Kind("Wall Clock", (25, 109), (420, 1600), (*_WOOD, "Aluminium")),
        Kind("Folding Chair", (35, 129), (1900, 4600), (*_METAL, "Beech")),
        Kind("Camp Table", (49, 169), (2600, 7400), ("Aluminium", "Bamboo")),
        Kind("Tea Towel Set", (12, 34), (180, 460), ("Organic cotton", "Linen")),
        Kind("Hot Water Bottle", (14, 44), (290, 560), ("Natural rubber",), ("Colour",)),
    ),
}

LINES = (
    "Trailhead", "Ridgeway", "Timberline", "Switchback", "Backcountry", "Basecamp", "Lookout", "Outpost", "Wayfarer",
    "Rambler", "Drifter", "Nomad", "Bramble", "Thicket", "Hollow", "Homestead", "Hearthside", "Fireside", "Cottage",
    "Highland", "Lowland", "Saddleback", "Northfold", "Evenfall", "Daybreak", "Overland", "Pathfinder", "Woodland",
    "Driftwood", "Birchwood", "Cedarline", "Juniper", "Hazelwood", "Mapleton", "Foothill", "Summit", "Canyon",
    "Prairie", "Tundra", "Glade", "Heathland", "Moorland", "Footbridge", "Longstride", "Kindling", "Campfire",
)  # fmt: skip

BRANDS = (
    "Oakmark", "Tarn & Tread", "Holloway Works", "Brisk Outdoor", "Copsewood", "Norrland", "Pike & Daughters",
    "Quill & Bark", "Rowanfield", "Sixpenny", "Thornbury", "Wildmere",
)  # fmt: skip

ORIGINS = ("Portugal", "Sweden", "Vietnam", "Poland", "Canada", "Italy", "Estonia", "Japan", "Turkey", "Scotland")
COLOURS = ("Moss", "Charcoal", "Rust", "Navy", "Sand", "Ochre", "Plum", "Cream")
SIZES = {"Footwear": ("38", "39", "40", "41", "42", "43", "44"), "Sleeping": ("Regular", "Long", "Wide")}
OTHER_SIZES = ("Small", "Medium", "Large", "Extra large")

TOWNS = (
    "Brackenford", "Ashcombe", "Millhaven", "Tolbury", "Kestwick", "Dunmoor", "Fallowby", "Harrowgate Cross",
    "Inverlow", "Lindholme", "Marshfield", "Netherby", "Oldcastle", "Penhallow", "Quarrington", "Redmarley",
    "Saltley", "Thornaby", "Upwell", "Venmore", "Westerham", "Yarrowdale", "Beckley", "Cranmoor", "Duxbury",
    "Eastling", "Farnholt", "Grimsdale", "Holmwood", "Ivybridge", "Kelderby", "Langstrath", "Mossley",
    "Northwell", "Otterbourne", "Pendleby", "Rushden", "Stapleford", "Tidewell", "Wickham",
)  # fmt: skip

STREETS = (
    "Mill Lane", "Chapel Street", "Bridge Road", "Station Parade", "Market Square", "Tanner Row", "Castle Hill",
    "Weaver Street", "Lantern Yard", "Orchard Close", "Cooper Street", "North Gate", "Quay Road", "Saddler Lane",
)  # fmt: skip

SERVICES = (
    "Boot fitting", "Tent repair", "Blade sharpening", "Gear rental", "Gift wrapping", "Stove servicing",
    "Zip replacement", "Rewaxing", "Parcel lockers",
)  # fmt: skip

FIRST_NAMES = (
    "Anneke", "Basil", "Carmen", "Dougal", "Elspeth", "Farid", "Greta", "Hamish", "Imogen", "Jarek", "Kirsten",
    "Lorcan", "Maeve", "Nadia", "Oskar", "Petra", "Quentin", "Rosalind", "Stellan", "Tamsin", "Ulrich", "Verity",
    "Wendell", "Yusuf", "Zelda",
)  # fmt: skip

LAST_NAMES = (
    "Abara", "Brandt", "Castellan", "Dunbar", "Ekström", "Fairley", "Gorman", "Haddock", "Ibarra", "Jessop", "Kovac",
    "Lindgren", "Marlowe", "Novak", "Okafor", "Pritchard", "Quayle", "Renshaw", "Sorley", "Tennant", "Underhill",
    "Vance", "Whitlock", "Yardley",
)  # fmt: skip

PRAISE = (
    ("Worth every penny", "Used it most weekends since the autumn and it still looks new."),
    ("Does what it says", "Simple, well made, no fuss. I would buy the same again."),
    ("Better than my old one", "Lighter than the one it replaces and easier to pack away."),
    ("A present that was kept", "Bought for my brother, who has not put it down since."),
    ("Solid and handsome", "The finish is lovely and nothing rattles or squeaks."),
    ("Good value", "I compared several and this one was the best for the money."),
)
DOUBTS = (
    ("Fine, with a flaw", "Good enough, although the instructions were hard to follow."),
    ("Smaller than I thought", "Check the measurements before you order. Otherwise fine."),
    ("It took a while to arrive", "Nice quality, but the parcel came four days late."),
)
COMPLAINTS = (
    ("Not for me", "The seam came loose after a month. They did replace it."),
    ("Disappointed", "The colour is nothing like the picture and it feels flimsy."),
)

USES = (
    "long days out", "weekends away", "the hallway at home", "the first cold evenings", "a crowded boot room",
    "people who pack light", "every day at home", "the end of a long walk",
)  # fmt: skip
TRAITS = (
    "Made to be mended", "Built from few parts", "Easy to clean", "Packed without plastic", "Tested by our own staff",
    "Designed to last", "Finished by hand",
)  # fmt: skip
