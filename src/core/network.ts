const IPV6_GROUPS = 8
const GROUPS_OF_A_NETWORK = 4

/** Who counts as one where limits are per address: an IPv4 address, or an IPv6 /64, which one household has alone. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [front = [], back = []] = address.split('::').map((part) => part.split(':'))
  const zeros = Array<string>(Math.max(0, IPV6_GROUPS - front.length - back.length)).fill('0')
  return [...front, ...zeros, ...back].slice(0, GROUPS_OF_A_NETWORK).join(':')
}
