"""Classify messages with the trained model: a message a line in, its label and probability a line out.

Run     python predict.py "Call now to claim your prize" "see you at 8"
        python predict.py --help
"""

import os
import sys

from textrnn.core.errors import end_in_one_line, run

if __name__ == "__main__":
    end_in_one_line()  # before the imports that take long
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it looks through all installed packages
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else NumPy starts threads, which nothing here needs

from textrnn.cli.predict import main

if __name__ == "__main__":
    sys.exit(run(main))
