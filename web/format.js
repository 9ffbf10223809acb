// Numbers, prices and times as text. No state.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const money = new Intl.NumberFormat("en", { style: "currency", currency: "USD" }); // the tables name no currency
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const count = (number) => (number === null ? "–" : whole.format(number));
export const decimal = (number) => one.format(number);
export const price = (cents) => money.format(cents / 100);
export const time = (ms) => clock.format(ms);

// "+12 %", "−3 %", "±0 %"
export function percent(share) {
  const rounded = Math.round(share * 100);
  if (rounded === 0) return "±0 %";
  return `${rounded > 0 ? "+" : "−"}${Math.abs(rounded)} %`;
}

export function duration(ms) {
  if (ms === undefined || ms < 0) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120000) return `${decimal(ms / 1000)} s`;
  return `${whole.format(ms / 60000)} min`;
}

// A direction has a sign as well as a colour.
export const arrow = (change) => (change > 0 ? "▲" : change < 0 ? "▼" : "■");
export const direction = (change) => (change > 0 ? "up" : change < 0 ? "down" : "level");
