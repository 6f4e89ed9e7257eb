/*! The shop at the water's edge, Apache-2.0 */
// Shows what all that is on the page would cost together.

/** The price in a paragraph, in hundredths, so that sums are exact. */
function hundredths(paragraph) {
  const [whole, fraction = "0"] = paragraph.textContent.trim().split(".");
  return Number(whole) * 100 + Number(fraction.padEnd(2, "0").slice(0, 2));
}

/** A sum as it is written on the page. */
function written(sum) {
  const rest = String(sum % 100).padStart(2, "0");
  return `${Math.floor(sum / 100)}.${rest}`;
}

const paragraphs = Array.from(document.querySelectorAll(".price"));
const together = paragraphs.map(hundredths).reduce((sum, price) => sum + price, 0);
const line = document.createElement("p");
line.className = "together";
line.textContent = `All of it: ${written(together)}`;
document.querySelector(".products").after(line);
