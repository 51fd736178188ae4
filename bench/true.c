/* SPDX-License-Identifier: Apache-2.0 */
/* The cheapest program there is, linked statically: what floor, cupel, bwrap and runc all execute.
 */
int main(void)
{
    return 0;
}
