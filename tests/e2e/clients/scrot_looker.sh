# Looks with scrot, as the reference demo does: says the picture's size and a pixel. The first argument is a Python.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
scrot -p "$folder/screen.png"
"$1" - "$folder/screen.png" <<'PYTHON'
import sys
from PIL import Image
picture = Image.open(sys.argv[1]).convert("RGB")
print("{}x{}".format(*picture.size), "#{:02x}{:02x}{:02x}".format(*picture.getpixel((1270, 790))))
PYTHON
